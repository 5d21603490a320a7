//! What a server is asked, and how it goes over the connection.

use redis::{
    Cmd, ErrorKind, RedisResult, Script, ServerErrorKind, Value,
    aio::{ConnectionLike, MultiplexedConnection},
};

/// A script, and the hash by which a server knows it.
#[derive(Debug)]
pub(super) struct Program {
    code: &'static str,
    hash: String,
}

impl Program {
    pub(super) fn new(code: &'static str) -> Self {
        Self { code, hash: Script::new(code).get_hash().to_owned() }
    }
}

/// What is done in one step, to one key.
pub(super) enum Request<'s> {
    Command(Cmd),
    Script(Invocation<'s>),
}

/// A script, and what it is told.
pub(super) struct Invocation<'s> {
    pub(super) program: &'s Program,
    pub(super) key: &'s str,
    pub(super) arguments: Vec<String>,
}

impl Request<'_> {
    pub(super) async fn send(&self, to: &mut MultiplexedConnection) -> RedisResult<Value> {
        match self {
            Self::Command(command) => command.query_async(to).await,
            Self::Script(script) => match script.by_hash().query_async(to).await {
                Err(error) if error.kind() == ErrorKind::Server(ServerErrorKind::NoScript) => {
                    script.in_full().query_async(to).await
                }
                answer => answer,
            },
        }
    }

    /// As [`send`](Self::send), to a node of a cluster that is taking the key's slot over: it answers for that only if it is
    /// told just before that this is known.
    pub(super) async fn send_asking(&self, to: &mut MultiplexedConnection) -> RedisResult<Value> {
        let request = match self {
            Self::Command(command) => command.clone(),
            Self::Script(script) => script.in_full(),
        };
        let mut both = redis::pipe();
        both.cmd("ASKING").add_command(request);
        let answers = to.req_packed_commands(&both, 1, 1).await?;
        answers.into_iter().next().unwrap_or(Value::Nil).extract_error()
    }
}

impl Invocation<'_> {
    fn by_hash(&self) -> Cmd {
        self.command("EVALSHA", &self.program.hash)
    }

    /// For a server that has not seen the script yet, and knows it from then on.
    fn in_full(&self) -> Cmd {
        self.command("EVAL", self.program.code)
    }

    fn command(&self, name: &str, script: &str) -> Cmd {
        let mut command = redis::cmd(name);
        command.arg(script).arg(1).arg(self.key).arg(&self.arguments);
        command
    }
}
