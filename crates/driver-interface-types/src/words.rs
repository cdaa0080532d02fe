//! The `Debug` form of commands, which does not show the arguments.

use std::fmt;

/// The words of a command. `Debug` shows the program and the number of arguments. It does not show the arguments
/// themselves, because they may contain secrets.
pub(crate) struct Words<'a>(pub(crate) &'a [String]);

impl fmt::Debug for Words<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            [] => f.write_str("[]"),
            [program] => write!(f, "[{program:?}]"),
            [program, arguments @ ..] => write!(f, "[{program:?} and {} more]", arguments.len()),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::{ContainerConfig, ExecConfig, HealthCheck, WaitFor};

    #[test]
    fn debug_hides_command_arguments() {
        const SECRET: &str = "hunter2";
        let words = || ["login", "--password", SECRET];
        let line = format!("login --password {SECRET}");
        let config = ContainerConfig::new("s1", "alpine")
            .command(words())
            .entrypoint(words())
            .health_check(HealthCheck::command(words()));
        let shell = ContainerConfig::new("s1", "alpine").health_check(HealthCheck::shell(&line));
        let wait = WaitFor::exec(words());
        for text in [
            format!("{config:?}"),
            format!("{shell:?}"),
            format!("{:?}", ExecConfig::new(words())),
            format!("{:?}", ExecConfig::shell(&line)),
            format!("{wait:?} {wait} {}", wait.awaited()),
        ] {
            assert!(!text.contains(SECRET), "{text}");
        }
        let text = format!("{config:?}");
        assert_eq!(text.matches(r#"["login" and 2 more]"#).count(), 3, "{text}");
    }

    #[test]
    fn debug_shows_the_program_name() {
        let of = |words: &[&str]| format!("{:?}", ExecConfig::new(words));
        assert!(of(&[]).contains("argv: [],"), "{}", of(&[]));
        assert!(of(&["ls"]).contains(r#"argv: ["ls"],"#), "{}", of(&["ls"]));
    }
}
