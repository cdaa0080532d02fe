use std::fmt;

use driver_interface_types::{ExecConfig, TtySize};
use garde::Validate;

use super::container::Command;
use super::map::Env;
use crate::ValidationPolicy;
use crate::codes;
use crate::rules;

/// The rules of [`ExecConfig`]. Fields shared with a container's config have the same rules.
///
/// ```
/// use driver_interface_types::ExecConfig;
/// use driver_interface_validation::{ExecConfigSchema, Validate};
///
/// assert!(ExecConfigSchema::from(&ExecConfig::new(["true"])).validate().is_ok());
/// ```
#[derive(Clone, Copy, Validate)]
#[garde(context(ValidationPolicy))]
pub struct ExecConfigSchema<'a> {
    #[garde(dive, custom(names_program))]
    argv: Command<'a>,
    #[garde(dive)]
    env: Env<'a>,
    #[garde(inner(custom(rules::container_path)))]
    working_dir: Option<&'a str>,
    #[garde(inner(custom(rules::user)))]
    user: Option<&'a str>,
    #[garde(inner(custom(has_room)))]
    tty: Option<TtySize>,
}

impl<'a> From<&'a ExecConfig> for ExecConfigSchema<'a> {
    fn from(config: &'a ExecConfig) -> Self {
        Self {
            argv: Command(&config.argv),
            env: Env(&config.env),
            working_dir: config.working_dir.as_deref(),
            user: config.user.as_deref(),
            tty: config.tty,
        }
    }
}

impl fmt::Debug for ExecConfigSchema<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExecConfigSchema")
            .field("argv", &self.argv)
            .field("env", &self.env)
            .finish_non_exhaustive()
    }
}

fn names_program(words: &Command<'_>, _: &ValidationPolicy) -> garde::Result {
    if words.0.is_empty() {
        return rules::refuse(codes::EMPTY, "must not be empty: it names the program");
    }
    Ok(())
}

fn has_room(size: &TtySize, _: &ValidationPolicy) -> garde::Result {
    if size.columns == 0 || size.rows == 0 {
        let message = format!(
            "must have at least 1 column and 1 row; got {}×{}",
            size.columns, size.rows
        );
        return rules::refuse(codes::OUT_OF_RANGE, message);
    }
    Ok(())
}
