//! The engine's description of a path in a container.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use serde::Deserialize;

use crate::wire::EngineError;

const HEADER: &str = "x-docker-container-path-stat";
/// The bit that marks a directory. Engines are written in Go. Go's file modes mark the kind of file by bits above the
/// permission bits.
const DIRECTORY: u32 = 1 << 31;
const LINK: u32 = 1 << 27;
/// The bits that mark a file as not regular: as a directory, link, device, pipe, socket, character device, or
/// irregular file.
const KIND: u32 = DIRECTORY | LINK | 1 << 26 | 1 << 25 | 1 << 24 | 1 << 21 | 1 << 19;

#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct PathStat {
    mode: u32,
    link_target: String,
}

impl PathStat {
    /// Parses the description in the headers. Returns `None` if the headers contain no description.
    pub(crate) fn found(headers: &HeaderMap) -> Result<Option<Self>, EngineError> {
        let invalid = |problem: &str| EngineError::InvalidResponse(format!("its header {HEADER} {problem}"));
        let Some(text) = headers.get(HEADER) else {
            return Ok(None);
        };
        // Podman uses the URL-safe alphabet, Docker the standard one.
        let usual = text.as_bytes().iter().map(|byte| match byte {
            b'-' => b'+',
            b'_' => b'/',
            other => *other,
        });
        let json = STANDARD
            .decode(usual.collect::<Vec<u8>>())
            .map_err(|_| invalid("is not base64"))?;
        let stat = serde_json::from_slice(&json).map_err(|_| invalid("is not JSON"))?;
        Ok(Some(stat))
    }

    pub(crate) fn set_link_target(&mut self, target: String) {
        self.link_target = target;
    }

    /// Returns the link target that the engine reports, even for a path that is not a link: Podman reports a target
    /// for every path.
    pub(crate) fn link_target_or_self(&self) -> Option<&str> {
        Some(self.link_target.as_str()).filter(|target| !target.is_empty())
    }

    /// Returns the target of a link, or `None` for other files. If the target is a link too, engines report the end
    /// of the chain of links.
    pub(crate) fn link_target(&self) -> Option<&str> {
        (self.mode & LINK != 0 && !self.link_target.is_empty()).then_some(self.link_target.as_str())
    }

    pub(crate) fn is_link(&self) -> bool {
        self.mode & LINK != 0
    }

    pub(crate) fn is_directory(&self) -> bool {
        self.mode & DIRECTORY != 0
    }

    /// Returns whether this is a regular file and not a device, pipe or socket.
    pub(crate) fn is_file(&self) -> bool {
        self.mode & KIND == 0
    }

    /// Returns the permissions as used by `chmod`.
    pub(crate) fn permissions(&self) -> u32 {
        let high = [(1 << 23, 0o4000), (1 << 22, 0o2000), (1 << 20, 0o1000)];
        let high = high.into_iter().filter(|(bit, _)| self.mode & bit != 0);
        high.fold(self.mode & 0o777, |all, (_, bit)| all | bit)
    }

    pub(crate) fn is_executable(&self) -> bool {
        self.mode & DIRECTORY == 0 && self.mode & 0o111 != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stat(json: &str) -> PathStat {
        let mut headers = HeaderMap::new();
        headers.insert(HEADER, STANDARD.encode(json).parse().unwrap());
        PathStat::found(&headers).unwrap().unwrap()
    }

    #[test]
    fn reads_recorded_responses() {
        let link = stat(
            r#"{"name":"sh","size":7,"mode":134218239,"mtime":"2026-11-25T13:06:15Z","linkTarget":"/bin/busybox"}"#,
        );
        assert_eq!(link.link_target(), Some("/bin/busybox"));
        let program = stat(r#"{"name":"busybox","size":1982256,"mode":493,"linkTarget":""}"#);
        assert!(program.is_executable() && program.link_target().is_none());
        assert!(
            stat(r#"{"name":"etc","mode":2147484141}"#).is_directory(),
            "a directory"
        );
        assert_eq!(stat(r#"{"name":"etc","mode":2147484141}"#).permissions(), 0o755);
        assert_eq!(stat(r#"{"name":"tmp","mode":2148532735}"#).permissions(), 0o1777);
        let passwd = stat(r#"{"name":"passwd","size":52,"mode":420}"#);
        assert!(passwd.is_file());
        assert!(!stat(r#"{"name":"null","mode":69206454}"#).is_file(), "a device");
        assert!(
            !stat(r#"{"name":"etc","mode":2147484141}"#).is_executable(),
            "a directory"
        );
        assert!(
            !stat(r#"{"name":"passwd","mode":420}"#).is_executable(),
            "a file without the right"
        );
    }

    #[test]
    fn reads_both_base64_alphabets() {
        let json = r#"{"name":"\u00ff?>~","mode":420,"linkTarget":"/???>>>~~~"}"#;
        let plain = STANDARD.encode(json);
        assert!(plain.contains(['+', '/']), "the test needs a text that differs");
        let mut headers = HeaderMap::new();
        headers.insert(HEADER, plain.replace('+', "-").replace('/', "_").parse().unwrap());
        assert_eq!(PathStat::found(&headers).unwrap(), Some(stat(json)));
    }

    #[test]
    fn rejects_invalid_header() {
        let mut headers = HeaderMap::new();
        assert_eq!(PathStat::found(&headers).unwrap(), None);
        headers.insert(HEADER, "***".parse().unwrap());
        assert!(PathStat::found(&headers).is_err());
    }
}
