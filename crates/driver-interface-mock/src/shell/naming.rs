//! Builtins that set variables, arguments, options and the working directory.

use super::state::{Shell, Stop};
use crate::fs::absolute;

impl Shell {
    pub(super) async fn cd(&mut self, target: Option<&str>) -> u8 {
        let home = self.value("HOME").unwrap_or_else(|| "/".to_owned());
        let old = self.value("OLDPWD").unwrap_or_default();
        let target = match target {
            None => home,
            Some("-") => old,
            Some(path) => path.to_owned(),
        };
        if !self.is_directory(&target) {
            self.complain(&format!(
                "cd: line 0: can't cd to {target}: No such file or directory"
            ))
            .await;
            return 2;
        }
        let new = absolute(&self.process.cwd, &target);
        let old = std::mem::replace(&mut self.process.cwd, new.clone());
        self.set_value("OLDPWD", old);
        self.set_value("PWD", new);
        0
    }

    fn set_value(&mut self, name: &str, value: String) {
        self.variables.entry(name.to_owned()).or_default().value = Some(value);
    }

    pub(super) async fn export(&mut self, args: &[String]) -> Result<u8, Stop> {
        let names: Vec<&String> = args.iter().filter(|arg| !arg.starts_with('-')).collect();
        if names.is_empty() {
            let lines = self
                .environment()
                .into_iter()
                .map(|(name, value)| format!("export {name}='{value}'\n"));
            let text: String = lines.collect();
            return Ok(self.print(&text).await);
        }
        for name in names {
            let name = self.assign_argument(name).await?;
            self.variables.entry(name).or_default().exported = true;
        }
        Ok(0)
    }

    pub(super) async fn mark_read_only(&mut self, args: &[String]) -> Result<u8, Stop> {
        for arg in args {
            let name = self.assign_argument(arg).await?;
            self.variables.entry(name).or_default().read_only = true;
        }
        Ok(0)
    }

    pub(super) async fn local(&mut self, args: &[String]) -> Result<u8, Stop> {
        if self.locals.is_empty() {
            self.complain("local: line 0: not in a function").await;
            self.status = 2;
            return Err(Stop::Exit);
        }
        for arg in args {
            let name = arg.split('=').next().unwrap_or_default().to_owned();
            let before = self.variables.get(&name).cloned();
            if let Some(scope) = self.locals.last_mut() {
                scope.push((name, before));
            }
            self.assign_argument(arg).await?;
        }
        Ok(0)
    }

    /// Processes an argument of the form `name=value` or `name`. In the first form, assigns the value to the
    /// variable. Returns the name.
    async fn assign_argument(&mut self, argument: &str) -> Result<String, Stop> {
        match argument.split_once('=') {
            Some((name, value)) => {
                self.assign(name, value.to_owned()).await?;
                Ok(name.to_owned())
            }
            None => Ok(argument.to_owned()),
        }
    }

    pub(super) fn unset(&mut self, args: &[String]) -> u8 {
        let functions = args.first().is_some_and(|flag| flag == "-f");
        for name in args.iter().filter(|arg| !arg.starts_with('-')) {
            if functions {
                self.functions.remove(name);
            } else {
                self.variables.remove(name);
            }
        }
        0
    }

    pub(super) async fn set(&mut self, args: &[String]) -> Result<u8, Stop> {
        let mut rest = args.iter().peekable();
        while let Some(arg) = rest.next_if(|arg| arg.len() > 1 && arg.starts_with(['-', '+'])) {
            if arg == "--" {
                self.args = rest.cloned().collect();
                return Ok(0);
            }
            let on = arg.starts_with('-');
            for flag in arg.chars().skip(1) {
                let known = if flag == 'o' {
                    let name = rest.next().map(String::as_str);
                    self.set_named_option(name, on)
                } else {
                    self.set_flag(flag, on)
                };
                if !known {
                    self.complain(&format!("set: line 0: illegal option {arg}")).await;
                    self.status = 2;
                    return Err(Stop::Exit);
                }
            }
        }
        if rest.peek().is_some() {
            self.args = rest.cloned().collect();
        }
        Ok(0)
    }

    fn set_named_option(&mut self, name: Option<&str>, on: bool) -> bool {
        match name {
            Some("errexit") => self.set_flag('e', on),
            Some("nounset") => self.set_flag('u', on),
            Some("noglob") => self.set_flag('f', on),
            Some("xtrace") => self.set_flag('x', on),
            Some("pipefail") => {
                self.options.pipefail = on;
                true
            }
            _ => false,
        }
    }

    pub(super) fn shift(&mut self, count: Option<&str>) -> u8 {
        let count = count.and_then(|text| text.parse().ok()).unwrap_or(1);
        if count > self.args.len() {
            return 1;
        }
        self.args.drain(..count);
        0
    }

    pub(super) async fn read(&mut self, args: &[String]) -> Result<u8, Stop> {
        let names: Vec<String> = args.iter().filter(|arg| !arg.starts_with('-')).cloned().collect();
        let raw = args.iter().any(|arg| arg.starts_with('-') && arg.contains('r'));
        let line = self.process.stdin.read_line().await;
        let ended = !line.ends_with(b"\n");
        let text = String::from_utf8_lossy(&line);
        let mut text = text.trim_end_matches('\n').to_owned();
        if !raw {
            text = text.replace('\\', "");
        }
        let separators = self.value("IFS").unwrap_or_default();
        let mut rest = text.trim_matches(|c: char| c.is_whitespace() && separators.contains(c));
        let names = if names.is_empty() {
            vec!["REPLY".to_owned()]
        } else {
            names
        };
        for (index, name) in names.iter().enumerate() {
            let field = if index + 1 == names.len() {
                std::mem::take(&mut rest)
            } else {
                let (field, tail) = rest.split_once(|c| separators.contains(c)).unwrap_or((rest, ""));
                rest = tail.trim_start_matches(|c: char| c.is_whitespace() && separators.contains(c));
                field
            };
            let field = field.to_owned();
            self.assign(name, field).await?;
        }
        Ok(u8::from(ended))
    }
}
