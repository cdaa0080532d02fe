//! References to images. A reference is parsed and validated according to the grammar that registries use.

use std::fmt;
use std::str::FromStr;

use driver_interface_errors::ConfigurationError;
use serde::{Deserialize, Serialize};

/// An image reference: `nginx`, `nginx:1.27`, `ghcr.io/org/app@sha256:…`.
///
/// A reference may also be the id of an image that is present on the engine, `sha256:…`. The driver never pulls an
/// image by its id.
///
/// The text of the reference is kept unchanged. [`registry`](Self::registry), [`repository`](Self::repository),
/// [`tag`](Self::tag) and [`digest`](Self::digest) return the components of the reference. These methods fill in
/// Docker's defaults, such as the registry `docker.io` and the tag `latest`.
///
/// ```
/// use driver_interface_types::ImageRef;
///
/// let image: ImageRef = "nginx".parse()?;
/// assert_eq!(image.canonical(), "docker.io/library/nginx:latest");
/// let local: ImageRef = "localhost:5000/team/app:1.2".parse()?;
/// assert_eq!((local.registry(), local.repository(), local.tag()), ("localhost:5000", "team/app", Some("1.2")));
/// assert!("Nginx".parse::<ImageRef>().is_err());
/// # Ok::<(), driver_interface_types::ConfigurationError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(with = "String"))]
pub struct ImageRef {
    text: String,
    registry: String,
    repository: String,
    tag: Option<String>,
    digest: Option<String>,
    is_id: bool,
}

const DEFAULT_REGISTRY: &str = "docker.io";
/// The maximum length of a repository name, including the registry, in characters.
const MAX_NAME: usize = 255;
const MAX_TAG: usize = 128;

impl ImageRef {
    /// Parses an image reference.
    ///
    /// # Errors
    /// [`ConfigurationError`] if the reference is invalid. The message names the invalid component and the expected
    /// form.
    pub fn new(text: impl Into<String>) -> Result<Self, ConfigurationError> {
        let text = text.into();
        parse(&text).map_err(|problem| {
            ConfigurationError::single(
                "image",
                "invalid-image-reference",
                format!("{problem} (in {text:?})"),
            )
        })
    }

    /// Returns the text of the reference, as it was passed to [`new`](Self::new).
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns whether the reference is the id of an image on the engine, `sha256:…`. Such a reference has no
    /// registry, repository, tag or digest.
    ///
    /// ```
    /// use driver_interface_types::ImageRef;
    ///
    /// let id = format!("sha256:{}", "0".repeat(64));
    /// assert!(ImageRef::new(&id)?.is_id());
    /// assert!(!ImageRef::new(format!("nginx@{id}"))?.is_id());
    /// # Ok::<(), driver_interface_types::ConfigurationError>(())
    /// ```
    pub fn is_id(&self) -> bool {
        self.is_id
    }

    /// Returns the host of the registry, followed by the port if the reference contains a port. Returns `docker.io`
    /// if the reference names no registry, and an empty string if the reference is an image id.
    pub fn registry(&self) -> &str {
        &self.registry
    }

    /// Returns the path of the repository in the registry, such as `library/nginx` for the image `nginx`. Returns an
    /// empty string if the reference is an image id.
    pub fn repository(&self) -> &str {
        &self.repository
    }

    /// Returns the tag, or `latest` if the reference has neither a tag nor a digest. Returns `None` if the reference
    /// has a digest but no tag, or is an image id.
    pub fn tag(&self) -> Option<&str> {
        match (&self.tag, &self.digest) {
            (Some(tag), _) => Some(tag),
            (None, None) if !self.is_id => Some("latest"),
            (None, _) => None,
        }
    }

    /// Returns the digest, such as `sha256:…`. Returns `None` if the reference has no digest or is an image id.
    pub fn digest(&self) -> Option<&str> {
        self.digest.as_deref()
    }

    /// Returns the reference with all defaults written out. Equivalent references, such as `nginx` and
    /// `library/nginx`, have the same canonical form.
    pub fn canonical(&self) -> String {
        if self.is_id {
            return self.text.clone();
        }
        let mut text = format!("{}/{}", self.registry, self.repository);
        if let Some(tag) = self.tag() {
            text.push(':');
            text.push_str(tag);
        }
        if let Some(digest) = &self.digest {
            text.push('@');
            text.push_str(digest);
        }
        text
    }
}

fn parse(text: &str) -> Result<ImageRef, String> {
    if text.is_empty() {
        return Err("must not be empty".to_owned());
    }
    if text.starts_with("sha256:") && check_digest(text).is_ok() {
        return Ok(ImageRef {
            text: text.to_owned(),
            registry: String::new(),
            repository: String::new(),
            tag: None,
            digest: None,
            is_id: true,
        });
    }
    let (rest, digest) = match text.split_once('@') {
        Some((rest, digest)) => (rest, Some(check_digest(digest)?)),
        None => (text, None),
    };
    // A colon after the last slash starts a tag; a colon before it belongs to the registry's port.
    let name_end = rest.rfind('/').map_or(0, |slash| slash + 1);
    let last = rest.get(name_end..).unwrap_or_default();
    let (name, tag) = match last.find(':') {
        Some(colon) => {
            let (name, tag) = rest.split_at(name_end + colon);
            (name, Some(check_tag(tag.get(1..).unwrap_or_default())?))
        }
        None => (rest, None),
    };
    if name.len() > MAX_NAME {
        return Err(format!("name must be at most {MAX_NAME} characters long"));
    }
    let (registry, path) = match name.split_once('/') {
        Some((host, path)) if is_host(host) => (check_host(host)?, path.to_owned()),
        _ => (DEFAULT_REGISTRY.to_owned(), name.to_owned()),
    };
    path.split('/').try_for_each(check_component)?;
    if tag.is_some() && matches!(name, "sha256" | "sha384" | "sha512") {
        return Err("must be a whole image id: `sha256:` and 64 lower-case hex digits".to_owned());
    }
    if !name.contains('/') && digest.is_none() && tag.is_none() && is_image_id(name) {
        return Err("must not be a bare image id; write `sha256:` before it".to_owned());
    }
    let (registry, repository) = match registry.as_str() {
        "docker.io" | "index.docker.io" if !path.contains('/') => {
            (DEFAULT_REGISTRY.to_owned(), format!("library/{path}"))
        }
        "index.docker.io" => (DEFAULT_REGISTRY.to_owned(), path),
        _ => (registry, path),
    };
    Ok(ImageRef {
        text: text.to_owned(),
        registry,
        repository,
        tag,
        digest,
        is_id: false,
    })
}

/// Returns whether the first component of an image name is the host of a registry. By Docker's rule, a component is a
/// host if it contains a dot or a port, or if it is `localhost`.
fn is_host(component: &str) -> bool {
    component == "localhost" || component.contains(['.', ':'])
}

fn check_host(host: &str) -> Result<String, String> {
    let problem = || format!("registry {host:?} is not a host name with an optional port");
    let (name, port) = match host.rsplit_once(':') {
        Some((name, port)) => (name, Some(port)),
        None => (host, None),
    };
    let valid_name = name.split('.').all(|part| {
        !part.is_empty()
            && !part.starts_with('-')
            && !part.ends_with('-')
            && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
    });
    let valid_port = port.is_none_or(|port| !port.is_empty() && port.chars().all(|c| c.is_ascii_digit()));
    if valid_name && valid_port {
        Ok(host.to_owned())
    } else {
        Err(problem())
    }
}

/// Checks that a path component consists of runs of lower-case letters and digits, joined by one `.`, one or two `_`,
/// or any number of `-`.
fn check_component(component: &str) -> Result<(), String> {
    let problem = || {
        format!(
            "repository component {component:?} must consist of lower-case letters and digits, joined by \
             `.`, `_`, `__` or `-`"
        )
    };
    let is_alnum = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    if !component.starts_with(is_alnum) || !component.ends_with(is_alnum) {
        return Err(problem());
    }
    let separators = component.split(is_alnum).filter(|joint| !joint.is_empty());
    for joint in separators {
        let allowed = matches!(joint, "." | "_" | "__") || joint.chars().all(|c| c == '-');
        if !allowed {
            return Err(problem());
        }
    }
    Ok(())
}

fn check_tag(tag: &str) -> Result<String, String> {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let valid = tag.starts_with(word)
        && tag.len() <= MAX_TAG
        && tag.chars().all(|c| word(c) || matches!(c, '.' | '-'));
    if valid {
        Ok(tag.to_owned())
    } else {
        Err(format!(
            "tag {tag:?} must be 1 to {MAX_TAG} letters, digits, `_`, `.` and `-`, not starting with `.` or `-`"
        ))
    }
}

fn check_digest(digest: &str) -> Result<String, String> {
    let lower_hex = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
    let valid = match digest.split_once(':') {
        Some(("sha256", hex)) => hex.len() == 64 && hex.chars().all(lower_hex),
        Some(("sha384", hex)) => hex.len() == 96 && hex.chars().all(lower_hex),
        Some(("sha512", hex)) => hex.len() == 128 && hex.chars().all(lower_hex),
        _ => false,
    };
    if valid {
        Ok(digest.to_owned())
    } else {
        Err(format!(
            "digest {digest:?} must be sha256: and 64 lower-case hex digits"
        ))
    }
}

fn is_image_id(name: &str) -> bool {
    name.len() == 64 && name.chars().all(|c| c.is_ascii_hexdigit())
}

impl fmt::Display for ImageRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for ImageRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ImageRef({:?})", self.text)
    }
}

impl AsRef<str> for ImageRef {
    fn as_ref(&self) -> &str {
        &self.text
    }
}

impl FromStr for ImageRef {
    type Err = ConfigurationError;

    fn from_str(text: &str) -> Result<Self, ConfigurationError> {
        Self::new(text)
    }
}

impl TryFrom<String> for ImageRef {
    type Error = ConfigurationError;

    fn try_from(text: String) -> Result<Self, ConfigurationError> {
        Self::new(text)
    }
}

impl TryFrom<&str> for ImageRef {
    type Error = ConfigurationError;

    fn try_from(text: &str) -> Result<Self, ConfigurationError> {
        Self::new(text)
    }
}

impl From<ImageRef> for String {
    fn from(image: ImageRef) -> String {
        image.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_valid_references() {
        let digest = format!("app@sha256:{}", "a".repeat(64));
        for text in [
            "nginx", "nginx:1.27-alpine", "library/nginx", "docker.io/nginx", "ghcr.io/org/app:v1.2.3",
            "localhost/app", "localhost:5000/a/b/c:tag", "127.0.0.1:5000/app", "a__b/c-d.e:_x", &digest,
        ] {
            assert!(ImageRef::new(text).is_ok(), "{text} was refused");
        }
    }

    #[test]
    fn rejects_invalid_references() {
        let long = "a".repeat(256);
        let id = "a".repeat(64);
        for text in [
            "", " ", "Nginx", "nginx:", "nginx:.a", "nginx@", "nginx@sha256:abc", "/nginx", "nginx/", "a//b",
            "a..b", "a___b", "-a", "a-", "http://x/y", "host:port/app", "a b", "nginx:a/b:c", "a\n", "é",
            &long, &id, "x/../y", "nginx?force=1", "Foo/bar", "Localhost/x", "foo-.com/x",
        ] {
            assert!(ImageRef::new(text).is_err(), "{text:?} was accepted");
        }
    }

    #[test]
    fn equivalent_references_have_one_canonical_form() {
        let forms = [
            "nginx",
            "library/nginx",
            "docker.io/nginx:latest",
            "index.docker.io/library/nginx:latest",
        ];
        for text in forms {
            assert_eq!(
                ImageRef::new(text).unwrap().canonical(),
                "docker.io/library/nginx:latest",
                "{text}"
            );
        }
    }
}
