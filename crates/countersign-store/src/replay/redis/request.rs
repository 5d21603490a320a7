//! Requests, and how they are sent.

use redis::{
    Cmd, ErrorKind, RedisResult, Script, ServerErrorKind, Value,
    aio::{ConnectionLike, MultiplexedConnection},
};

/// A script and its hash, by which the server finds it in its cache.
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

/// A command or a script, which Redis runs atomically, on one key.
pub(super) enum Request<'s> {
    Command(Cmd),
    Script(Invocation<'s>),
}

/// A script with its key and arguments.
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

    /// As [`send`](Self::send), to a node of a cluster that the key's slot is moving to. Such a node answers only after
    /// the command `ASKING`.
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

    /// For a server that does not have the script in its cache. It has it afterwards.
    fn in_full(&self) -> Cmd {
        self.command("EVAL", self.program.code)
    }

    fn command(&self, name: &str, script: &str) -> Cmd {
        let mut command = redis::cmd(name);
        command.arg(script).arg(1).arg(self.key).arg(&self.arguments);
        command
    }
}
