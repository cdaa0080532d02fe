//! Purely textual path functions: none of them accesses a file system.

/// Returns the path without empty components, `.` and a trailing slash; `None` if it is relative or contains `..`.
pub fn normalised(path: &str) -> Option<String> {
    let mut out = String::with_capacity(path.len());
    for part in path.strip_prefix('/')?.split('/') {
        match part {
            "" | "." => {}
            ".." => return None,
            part => {
                out.push('/');
                out.push_str(part);
            }
        }
    }
    Some(if out.is_empty() { "/".to_owned() } else { out })
}

/// Returns whether `path` is `directory` or inside it. Both must be normalised.
pub fn is_within(path: &str, directory: &str) -> bool {
    directory == "/"
        || path
            .strip_prefix(directory)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_path_are_one_path() {
        for path in ["/a/b", "//a//b/", "/./a/./b/.", "/a/b///"] {
            assert_eq!(normalised(path).as_deref(), Some("/a/b"), "{path}");
        }
        assert_eq!(normalised("/./").as_deref(), Some("/"));
    }

    #[test]
    fn relative_paths_and_paths_that_climb_have_no_normal_form() {
        for path in ["", "a", "./a", "/a/../b", "/..", ".."] {
            assert_eq!(normalised(path), None, "{path}");
        }
    }

    #[test]
    fn a_directory_holds_itself_and_what_is_below_but_not_its_neighbours() {
        assert!(is_within("/etc", "/etc") && is_within("/etc/ssl", "/etc") && is_within("/etc", "/"));
        assert!(!is_within("/etcetera", "/etc") && !is_within("/", "/etc"));
    }
}
