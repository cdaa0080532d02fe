//! Interpretation of an engine's refusals about files.
//!
//! Engines respond with 500 to nearly every error about files. Their messages end with the kernel's or the archive
//! reader's error, after names chosen by users. Therefore only the end of a message counts, or a beginning that the
//! engine wrote itself.

use driver_interface_errors::FileSystemErrorKind as Kind;

use crate::wire::Refusal;

/// Returns the kind of failure. Returns `None` if the reason for the refusal is not a file but, for example, the
/// engine's state.
pub(crate) fn kind(refusal: &Refusal) -> Option<Kind> {
    let text = refusal.message.trim_end();
    if is_missing(text) {
        return Some(Kind::NotFound);
    }
    if text.starts_with("evalSymlinksInScope: too many links in /") {
        return Some(Kind::FilesystemLoop);
    }
    // Docker's message, from its unpacking process. The rest is quoted names.
    if let Some(("Error processing tar file(exit status 1", reason)) = text.split_once("): ") {
        if reason.starts_with("cannot overwrite directory \"") {
            return Some(Kind::IsADirectory);
        }
        if reason.starts_with("cannot overwrite non-directory \"") {
            return Some(Kind::NotADirectory);
        }
    }
    let (before, last) = text.rsplit_once(": ").unwrap_or(("", text));
    match last {
        "extraction point is not a directory" | "exists but is not a directory" => Some(Kind::NotADirectory),
        "container rootfs is marked read-only" | "mounted volume is marked read-only" => {
            Some(Kind::ReadOnlyFilesystem)
        }
        "unexpected EOF" | "invalid tar header" => Some(Kind::InvalidData),
        // Podman's message if a file is to replace a directory, or vice versa.
        "file exists" => {
            let call = before.rsplit(": ").next().unwrap_or_default();
            Some(match call.split_once(' ') {
                Some(("mkdir", _)) => Kind::NotADirectory,
                Some(("open", _)) => Kind::IsADirectory,
                _ => Kind::AlreadyExists,
            })
        }
        last => of_kernel(last),
    }
}

/// Returns the kind for a kernel error message, ignoring case, or `None` for any other text.
pub(crate) fn of_kernel(words: &str) -> Option<Kind> {
    Some(match words.to_ascii_lowercase().as_str() {
        "no such file or directory" => Kind::NotFound,
        "file exists" => Kind::AlreadyExists,
        "not a directory" => Kind::NotADirectory,
        "is a directory" => Kind::IsADirectory,
        "file too large" => Kind::FileTooLarge,
        "no space left on device" | "disk quota exceeded" => Kind::StorageFull,
        "read-only file system" => Kind::ReadOnlyFilesystem,
        "permission denied" | "operation not permitted" => Kind::PermissionDenied,
        "too many levels of symbolic links" => Kind::FilesystemLoop,
        "file name too long" => Kind::InvalidFilename,
        _ => return None,
    })
}

/// Returns whether the text is Docker's message for a path that does not exist.
fn is_missing(text: &str) -> bool {
    let Some(rest) = text.strip_prefix("Could not find the file /") else {
        return false;
    };
    let container = rest.rsplit_once(" in container ");
    container.is_some_and(|(_, container)| !container.contains([' ', '/']))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(status: u16, message: &str) -> Option<Kind> {
        kind(&Refusal {
            status,
            message: message.to_owned(),
        })
    }

    #[test]
    fn recorded_messages_have_their_kinds() {
        for (message, expected) in [
            (
                "Could not find the file /g/none in container 9b9eeb1c5e63",
                Kind::NotFound,
            ),
            ("extraction point is not a directory", Kind::NotADirectory),
            ("container rootfs is marked read-only", Kind::ReadOnlyFilesystem),
            ("mounted volume is marked read-only", Kind::ReadOnlyFilesystem),
            (
                "evalSymlinksInScope: too many links in /var/lib/docker/overlay2/2a29/merged/g/loop",
                Kind::FilesystemLoop,
            ),
            (
                "lstat /var/lib/docker/overlay2/4225/merged/g/f/x: not a directory",
                Kind::NotADirectory,
            ),
            (
                "lstat /var/lib/docker/overlay2/4225/merged/nnn: file name too long",
                Kind::InvalidFilename,
            ),
            (
                r#"Error processing tar file(exit status 1): cannot overwrite directory "/g/d" with non-directory "/g""#,
                Kind::IsADirectory,
            ),
            (
                r#"Error processing tar file(exit status 1): cannot overwrite non-directory "/g/f" with directory "/g""#,
                Kind::NotADirectory,
            ),
            (
                "Error processing tar file(exit status 1): archive/tar: invalid tar header",
                Kind::InvalidData,
            ),
            (
                "Error processing tar file(exit status 1): unexpected EOF",
                Kind::InvalidData,
            ),
            (
                "Error processing tar file(exit status 1): open /g/f/x: not a directory",
                Kind::NotADirectory,
            ),
            (
                "Error processing tar file(exit status 1): link /g/a /g/h: no such file or directory",
                Kind::NotFound,
            ),
            (
                "Error processing tar file(exit status 1): open /g/l/x: too many levels of symbolic links",
                Kind::FilesystemLoop,
            ),
            ("no such file or directory", Kind::NotFound),
            (
                "copier: put: /g/f (/g/f): exists but is not a directory",
                Kind::NotADirectory,
            ),
            (
                r#"copier: put: error creating "/g/f": mkdir /g/f: file exists"#,
                Kind::NotADirectory,
            ),
            (
                r#"copier: put: error creating "/g/d": copier: put: error creating file at "/g/d": open /g/d: file exists"#,
                Kind::IsADirectory,
            ),
            (
                r#"copier: put: error creating "/t/big": copier: put: error writing file "/t/big": write /t/big: no space left on device"#,
                Kind::StorageFull,
            ),
            (
                r#"copier: put: error creating "/ok": copier: put: error opening file "/ok" for writing: open /ok: read-only file system"#,
                Kind::ReadOnlyFilesystem,
            ),
            (
                "reading tar stream: expected EOF: archive/tar: invalid tar header",
                Kind::InvalidData,
            ),
            (
                r#"copier: stat: error resolving "/g/loop": open /g/loop: too many levels of symbolic links"#,
                Kind::FilesystemLoop,
            ),
        ] {
            assert_eq!(of(500, message), Some(expected), "{message}");
        }
    }

    #[test]
    fn engine_failures_and_file_names_have_no_kind() {
        for message in [
            "",
            "<html><body>502 Bad Gateway</body></html>",
            "upstream connect error or disconnect/reset before headers",
            "Something went wrong",
            "Could not find the file /x in container a b",
            r#"open "/srv/no space left on device": input/output error"#,
            "open /srv/a: read-only file system/b: connection refused",
            "the database is not a directory of ours",
        ] {
            assert_eq!(of(500, message), None, "{message}");
        }
    }
}
