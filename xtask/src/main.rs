//! The task runner of the project: `cargo xtask <command>`.

mod bench;
mod ci;
mod conformance;
mod docs;
mod engines;
mod engines_command;
mod examples;
mod require;
mod screenshots;
mod tidy;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(
    name = "cargo xtask",
    bin_name = "cargo xtask",
    about = "The project's task runner",
    version
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the conformance suite on the named drivers. By default, run it on both mocks and every engine that
    /// responds.
    Conformance(conformance::Args),
    /// Run the examples on the named drivers. By default, run them on both mocks and every engine that responds.
    Examples(examples::Args),
    /// Start, stop or list the real engines that tests run against.
    Engines(engines_command::Args),
    /// Measure the Docker driver in comparison with other clients, and the mocks without comparison.
    Bench(bench::Args),
    /// Check the workspace rules that the compiler does not enforce.
    Tidy,
    /// Take screenshots of the conformance report with Chromium, if it is installed.
    Screenshots,
    /// Write the generated pages: the JSON Schemas, the list of checks, the README's table of capabilities.
    Docs,
    /// Run exactly what CI runs. The engines named in DRIVER_INTERFACE_REQUIRE are installed and started.
    Ci(ci::Args),
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Conformance(args) => conformance::main(&args),
        Command::Examples(args) => examples::main(&args),
        Command::Engines(args) => engines_command::main(&args),
        Command::Bench(args) => bench::main(&args),
        Command::Tidy => tidy::main(),
        Command::Screenshots => screenshots::main(),
        Command::Docs => docs::main(),
        Command::Ci(args) => ci::main(&args),
    };
    outcome.unwrap_or_else(|error| {
        anstream::eprintln!("\u{1b}[1;31merror\u{1b}[0m: {error:#}");
        ExitCode::from(2)
    })
}
