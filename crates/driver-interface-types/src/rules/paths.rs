//! Purely textual path functions: none of them accesses a file system.

/// Returns `path` without empty components, `.` components and a trailing slash. Returns `None` if `path` is relative
/// or has a `..` component.
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

/// Returns whether `path` is equal to `directory` or inside `directory`. Both paths must be normalised.
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
    fn equivalent_paths_normalise_alike() {
        for path in ["/a/b", "//a//b/", "/./a/./b/.", "/a/b///"] {
            assert_eq!(normalised(path).as_deref(), Some("/a/b"), "{path}");
        }
        assert_eq!(normalised("/./").as_deref(), Some("/"));
    }

    #[test]
    fn relative_and_parent_paths_are_rejected() {
        for path in ["", "a", "./a", "/a/../b", "/..", ".."] {
            assert_eq!(normalised(path), None, "{path}");
        }
    }

    #[test]
    fn directory_contains_only_itself_and_descendants() {
        assert!(is_within("/etc", "/etc") && is_within("/etc/ssl", "/etc") && is_within("/etc", "/"));
        assert!(!is_within("/etcetera", "/etc") && !is_within("/", "/etc"));
    }
}
