//! Variables and parameters of the shell.

use super::arith::Variables;
use super::state::{Run, Shell, Stop, Variable};

impl Shell {
    /// Returns the value of the variable or parameter `name`, or `None` if it is not set.
    pub(super) fn value(&self, name: &str) -> Option<String> {
        match name {
            "?" => Some(self.status.to_string()),
            "$" => Some(self.shell_pid.to_string()),
            "!" => self.last_job.map(|pid| pid.to_string()),
            "#" => Some(self.args.len().to_string()),
            "0" => Some(self.name.clone()),
            "-" => Some(self.flags()),
            "@" | "*" => (!self.args.is_empty()).then(|| self.args.join(" ")),
            _ => match name.parse::<usize>() {
                Ok(number) => self.args.get(number.checked_sub(1)?).cloned(),
                Err(_) => self.variables.get(name)?.value.clone(),
            },
        }
    }

    fn flags(&self) -> String {
        let options = self.options;
        let all = [
            (options.errexit, 'e'),
            (options.noglob, 'f'),
            (options.nounset, 'u'),
            (options.xtrace, 'x'),
        ];
        all.into_iter()
            .filter_map(|(on, flag)| on.then_some(flag))
            .collect()
    }

    /// Sets a variable. If the variable is read-only, prints an error and ends the shell.
    pub(super) async fn assign(&mut self, name: &str, value: String) -> Run {
        let variable = self.variables.entry(name.to_owned()).or_default();
        if variable.read_only {
            self.complain(&format!("{name}: is read only")).await;
            self.status = 2;
            return Err(Stop::Exit);
        }
        variable.value = Some(value);
        Ok(())
    }

    /// Sets and exports variables for one command. Returns the previous variables, to be passed to
    /// [`put_back`](Self::put_back).
    pub(super) async fn assign_for_a_while(
        &mut self,
        assignments: Vec<(String, String)>,
    ) -> Result<Vec<(String, Option<Variable>)>, Stop> {
        let mut saved = Vec::new();
        for (name, value) in assignments {
            let before = self.variables.get(&name).cloned();
            self.assign(&name, value).await?;
            if let Some(variable) = self.variables.get_mut(&name) {
                variable.exported = true;
            }
            saved.push((name, before));
        }
        Ok(saved)
    }

    pub(super) fn put_back(&mut self, saved: Vec<(String, Option<Variable>)>) {
        for (name, before) in saved.into_iter().rev() {
            match before {
                Some(variable) => self.variables.insert(name, variable),
                None => self.variables.remove(&name),
            };
        }
    }

    /// Returns the environment for programs that the shell runs.
    pub(super) fn environment(&self) -> std::collections::BTreeMap<String, String> {
        let exported = self.variables.iter().filter(|(_, variable)| variable.exported);
        exported
            .filter_map(|(name, variable)| Some((name.clone(), variable.value.clone()?)))
            .collect()
    }
}

impl Variables for Shell {
    fn get(&self, name: &str) -> String {
        self.value(name).unwrap_or_default()
    }

    fn set(&mut self, name: &str, value: i64) {
        let variable = self.variables.entry(name.to_owned()).or_default();
        if !variable.read_only {
            variable.value = Some(value.to_string());
        }
    }
}
