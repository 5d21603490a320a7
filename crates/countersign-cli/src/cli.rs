//! The command line: its commands, how one is run, and how a usage error is shown.

use std::{ffi::OsString, process::ExitCode};

use clap::{Parser, Subcommand, error::ErrorKind};

use crate::{
    cmd::{audit, demo, explain, providers, send, serve, vectors, verify},
    failure::{Failure, Outcome},
    output,
};

/// Verify webhooks at the receiver: a gateway, and tools to sign, send and verify deliveries
#[derive(Debug, Parser)]
#[command(name = "countersign", version, after_help = EXAMPLES, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Demo(demo::Demo),
    Serve(serve::Serve),
    Send(send::Send),
    Verify(verify::Verify),
    Explain(explain::Explain),
    Audit(audit::AuditArgs),
    Providers(providers::Providers),
    Vectors(vectors::Vectors),
}

impl Command {
    fn run(self) -> Result<Outcome, Failure> {
        match self {
            Self::Demo(command) => command.run(),
            Self::Serve(command) => command.run(),
            Self::Send(command) => command.run(),
            Self::Verify(command) => command.run(),
            Self::Explain(command) => command.run(),
            Self::Audit(command) => command.run(),
            Self::Providers(command) => command.run(),
            Self::Vectors(command) => command.run(),
        }
    }
}

/// Runs the command that `args` name; the first of them is the program's own name.
///
/// The exit status is 0 for done or accepted, 1 for refused or failed, and 2 if the command could not do its work: for
/// a mistake in the command line or its input, or for something that it needs and cannot get. One line on standard
/// error then says what is wrong and what to do.
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(error) => return answer(&error),
    };
    match cli.command.run() {
        Ok(outcome) => outcome.into(),
        Err(failure) => fail(&failure.to_string()),
    }
}

fn answer(error: &clap::Error) -> ExitCode {
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            // A reader such as `head` may close the pipe early. That is no error.
            let _ = error.print();
            ExitCode::SUCCESS
        }
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            let _ = error.print();
            ExitCode::from(Failure::EXIT)
        }
        _ => fail(&format!("{} (see --help)", one_line(&error.to_string()))),
    }
}

fn fail(message: &str) -> ExitCode {
    output::print_error(message);
    ExitCode::from(Failure::EXIT)
}

/// The message of a usage error on one line, without the usage: the caller refers to `--help` for that.
fn one_line(message: &str) -> String {
    let message = message.strip_prefix("error: ").unwrap_or(message);
    let mut text = String::new();
    for line in message.lines().map(str::trim).take_while(|line| !is_usage(line)).filter(|line| !line.is_empty()) {
        text.push_str(if text.is_empty() { "" } else { " " });
        match line.strip_prefix("tip: ") {
            Some(tip) => text.extend(["- ", tip]),
            None => text.push_str(line),
        }
    }
    text
}

fn is_usage(line: &str) -> bool {
    line.starts_with("Usage:") || line.starts_with("For more information")
}

const EXAMPLES: &str = "\
Examples:
  countersign demo                  watch deliveries being verified
  countersign providers stripe      how Stripe signs, and its scheme file
  countersign verify stripe request.http --secret-env STRIPE_SECRET
  countersign explain stripe request.http --secret-env STRIPE_SECRET
  countersign send github --to http://localhost:3000/hooks \\
      --data @push.json --secret-env GITHUB_SECRET
  countersign serve --config countersign.toml
  countersign audit stripe --to http://localhost:3000/stripe \\
      --secret-env STRIPE_SECRET

Exit status: 0 done or accepted, 1 refused or failed, 2 a mistake in the command line or its input, or a gateway that \
cannot start.
Secrets come from the environment or a file, never from the command line.";

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_well_defined() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_has_examples_in_its_help() {
        for command in Cli::command().get_subcommands() {
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(help.contains("countersign "), "{}", command.get_name());
            assert!(help.contains("Exit status: 0"), "{}", command.get_name());
        }
    }
}
