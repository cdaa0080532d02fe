//! The possible locations of a container's program.

use super::records::ContainerRecord;

/// The search path used if the container does not set one.
const USUAL_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Returns the program that an init process is to start, and every path where the program may be located, the most
/// likely paths first. Returns `None` if the container has no init process. In that case, the engine itself detects a
/// missing program.
pub(crate) fn behind_init(record: &ContainerRecord) -> Option<(&str, Vec<String>)> {
    if !record.host_config.init {
        return None;
    }
    // Podman prepends its init program to the command; Docker only shows the command.
    let program = match record.args.iter().position(|word| word == "--") {
        Some(end) if record.path.ends_with("-init") => record.args.get(end + 1)?,
        _ => &record.path,
    };
    if program.is_empty() {
        return None;
    }
    Some((program, locations(program, record)))
}

fn locations(program: &str, record: &ContainerRecord) -> Vec<String> {
    if program.starts_with('/') {
        return vec![program.to_owned()];
    }
    let working_dir = record.config.working_dir.trim_end_matches('/');
    if program.contains('/') {
        return vec![format!("{working_dir}/{program}")];
    }
    let path = record.config.search_path.as_deref().unwrap_or(USUAL_PATH);
    let mut directories: Vec<&str> = path.split(':').collect();
    // Check the directories that have most programs first. The order does not affect the result.
    directories.sort_by_key(|directory| !matches!(*directory, "/bin" | "/usr/bin"));
    directories
        .into_iter()
        .map(|directory| match directory {
            "" | "." => format!("{working_dir}/{program}"),
            directory => format!("{}/{program}", directory.trim_end_matches('/')),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(path: &str, args: &[&str], search_path: Option<&str>) -> ContainerRecord {
        let mut record = ContainerRecord {
            path: path.to_owned(),
            args: args.iter().map(|word| (*word).to_owned()).collect(),
            ..ContainerRecord::default()
        };
        record.host_config.init = true;
        record.config.working_dir = "/work".to_owned();
        record.config.search_path = search_path.map(str::to_owned);
        record
    }

    #[test]
    fn bare_name_is_searched_in_usual_directories_first() {
        let found = record("sh", &["-c", "true"], Some("/opt/bin/:/usr/bin:/bin"));
        let (program, locations) = behind_init(&found).unwrap();
        assert_eq!(program, "sh");
        assert_eq!(locations, ["/usr/bin/sh", "/bin/sh", "/opt/bin/sh"]);
        let usual = record("sh", &[], None);
        assert_eq!(behind_init(&usual).unwrap().1.len(), 6);
    }

    #[test]
    fn path_is_not_searched() {
        assert_eq!(behind_init(&record("/app", &[], None)).unwrap().1, ["/app"]);
        assert_eq!(
            behind_init(&record("bin/app", &[], None)).unwrap().1,
            ["/work/bin/app"]
        );
    }

    #[test]
    fn podman_init_is_not_the_program() {
        let found = record("/run/podman-init", &["--", "/app", "--", "x"], None);
        assert_eq!(behind_init(&found).unwrap().0, "/app");
    }

    #[test]
    fn no_lookup_without_init() {
        let mut plain = record("/app", &[], None);
        plain.host_config.init = false;
        assert_eq!(behind_init(&plain), None);
    }
}
