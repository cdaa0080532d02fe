use std::collections::{BTreeMap, BTreeSet};
use std::time::SystemTime;

use driver_interface_types::{HealthCheck, ImageInfo, ImageRef, Namespace, RegistryCredentials, Signal};

use crate::fs::{Tree, open_directories, stock_root};

/// The program that stock images run by default. It sleeps until it is signalled.
pub(crate) const IDLE: &str = "idle";

/// Words that mark an image as nonexistent. If an image's repository or tag contains such a word, a pull of the image
/// fails.
const MISSING_WORDS: [&str; 5] = ["missing", "no-such", "nonexistent", "does-not-exist", "not-there"];
/// The start of a repository component. If an image name has such a component, pulls and pushes fail with a denial of
/// access.
const DENIED_WORD: &str = "denied";
/// The start of a repository component. If an image name has such a component, pulls and pushes without credentials
/// fail with a denial of access.
const PRIVATE_WORD: &str = "private";
/// The end of a registry's name. Pulls from and pushes to a registry with such a name fail, because the registry counts
/// as unreachable.
const UNREACHABLE: &str = ":1";
/// The password or token that every registry rejects.
const WRONG_SECRET: &str = "wrong";

/// The images that the engine has, and the images that the registries have.
#[derive(Debug)]
pub(crate) struct Images {
    local: BTreeMap<String, Image>,
    /// The names of the images that the registries have. If `None`, the registries have every image that is not
    /// marked as nonexistent.
    registry: Option<BTreeSet<String>>,
    /// The images that were pushed to registries, by name.
    pushed: BTreeMap<String, Image>,
    next: u64,
}

#[derive(Clone, Debug)]
pub(crate) struct Image {
    /// The number of the image. All names of one image share this number.
    pub(crate) number: u64,
    /// The name under which the image was added.
    pub(crate) reference: ImageRef,
    /// The namespace that imported the image; `None` for an image that was pulled or existed from the start.
    pub(crate) importer: Option<Namespace>,
    pub(crate) entrypoint: Vec<String>,
    pub(crate) command: Vec<String>,
    pub(crate) env: BTreeMap<String, String>,
    pub(crate) working_dir: String,
    /// The user of the image's containers; root if `None`.
    pub(crate) user: Option<String>,
    pub(crate) volumes: BTreeSet<String>,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) stop_signal: Option<Signal>,
    pub(crate) health_check: Option<HealthCheck>,
    /// The digest of the image's configuration, in hex digits, if the image came with a configuration.
    pub(crate) digest: Option<String>,
    pub(crate) created_at: Option<SystemTime>,
    /// The size of the image's layers in bytes.
    pub(crate) size: u64,
    pub(crate) root: Tree,
}

/// The reason why a registry refuses a pull or push.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PullRefusal {
    Missing,
    Denied,
    WrongCredentials,
    /// The registry cannot be reached.
    Unreachable,
}

impl Images {
    /// Returns the images that a new engine has: `busybox` and `alpine`.
    pub(crate) fn stock() -> Self {
        let mut images = Self {
            local: BTreeMap::new(),
            registry: None,
            pushed: BTreeMap::new(),
            next: 1,
        };
        for name in ["busybox", "alpine"] {
            if let Ok(reference) = ImageRef::new(name) {
                images.add_stock(&reference);
            }
        }
        images
    }

    pub(crate) fn get(&self, reference: &ImageRef) -> Option<&Image> {
        if reference.is_id() {
            let has_id = |image: &&Image| reference.as_str() == format!("sha256:{}", image.digest());
            return self.local.values().find(has_id);
        }
        self.local.get(&reference.canonical())
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Image> {
        self.local.values()
    }

    /// Adds an image with the files and the default program of stock images, replacing any image of that name.
    pub(crate) fn add_stock(&mut self, reference: &ImageRef) {
        self.add(reference, None, vec![IDLE.to_owned()], stock_root());
    }

    /// Adds an image with the imported root file system `root`, replacing any image of that name.
    pub(crate) fn import(&mut self, reference: &ImageRef, importer: Namespace, mut root: Tree) {
        for directory in ["dev", "proc", "sys", "tmp", "etc"] {
            root.mkdir_all(directory);
        }
        root.open(open_directories());
        self.add(reference, Some(importer), Vec::new(), root);
    }

    fn add(&mut self, reference: &ImageRef, importer: Option<Namespace>, command: Vec<String>, root: Tree) {
        let mut image = Image::new(reference.clone(), root);
        (image.importer, image.command) = (importer, command);
        self.keep(image);
    }

    /// Adds an image, replacing any image of its name.
    pub(crate) fn keep(&mut self, mut image: Image) {
        image.number = self.next;
        self.next += 1;
        self.local.insert(image.reference.canonical(), image);
    }

    /// Adds a loaded image under each of its names, replacing any images of those names.
    pub(crate) fn load(&mut self, names: &[ImageRef], image: &Image) {
        let number = self.next;
        self.next += 1;
        for name in names {
            let image = Image {
                number,
                reference: name.clone(),
                ..image.clone()
            };
            self.local.insert(name.canonical(), image);
        }
    }

    /// Returns information about an image, or `None` if the engine does not have it.
    pub(crate) fn info(&self, reference: &ImageRef) -> Option<ImageInfo> {
        let image = self.get(reference)?;
        let same = self.local.values().filter(|other| other.number == image.number);
        let digest = image.digest();
        let mut info = ImageInfo::new(format!("sha256:{digest}"), image.size);
        info.references = same.map(|other| other.reference.clone()).collect();
        if image.importer.is_none() && image.digest.is_none() {
            let (host, path) = (image.reference.registry(), image.reference.repository());
            info.digests = vec![format!("{host}/{path}@sha256:{digest}")];
        }
        info.created_at = image.created_at;
        info.platform = Some("linux/amd64".to_owned());
        info.labels.clone_from(&image.labels);
        info.user.clone_from(&image.user);
        info.entrypoint.clone_from(&image.entrypoint);
        info.command.clone_from(&image.command);
        info.volumes = image.volumes.iter().cloned().collect();
        Some(info)
    }

    /// Returns information about every image, ordered by the first name of each image. An image with several names is
    /// listed once.
    pub(crate) fn infos(&self) -> Vec<ImageInfo> {
        let mut seen = BTreeSet::new();
        let first = self.local.values().filter(|image| seen.insert(image.number));
        let mut infos: Vec<ImageInfo> = first.filter_map(|image| self.info(&image.reference)).collect();
        infos.sort_by(|a, b| (a.references.first(), &a.id).cmp(&(b.references.first(), &b.id)));
        infos
    }

    /// Gives the image `reference` the additional name `new`. Returns whether the engine has the image.
    pub(crate) fn tag(&mut self, reference: &ImageRef, new: &ImageRef) -> bool {
        let Some(image) = self.get(reference).cloned() else {
            return false;
        };
        let digest = Some(image.digest());
        let tagged = Image {
            reference: new.clone(),
            digest,
            ..image
        };
        self.local.insert(new.canonical(), tagged);
        true
    }

    /// Returns an error if the registry would refuse a push to the name `reference` with these credentials.
    pub(crate) fn check_push(
        &self,
        reference: &ImageRef,
        credentials: Option<&RegistryCredentials>,
    ) -> Result<(), PullRefusal> {
        log_in(reference, credentials)?;
        if is_denied(reference, credentials) {
            return Err(PullRefusal::Denied);
        }
        Ok(())
    }

    /// Stores an image in its registry. Returns information about the image, or `None` if the engine does not have
    /// the image.
    pub(crate) fn push(&mut self, reference: &ImageRef) -> Option<ImageInfo> {
        let image = self.get(reference)?;
        let digest = Some(image.digest());
        let image = Image {
            digest,
            ..image.clone()
        };
        self.pushed.insert(reference.canonical(), image);
        self.info(reference)
    }

    pub(crate) fn remove(&mut self, reference: &ImageRef) {
        self.local.remove(&reference.canonical());
    }

    pub(crate) fn offer(&mut self, reference: &ImageRef) {
        self.registry
            .get_or_insert_default()
            .insert(reference.canonical());
    }

    /// Pulls an image from its registry. An image that the engine already has is kept, with two exceptions: an
    /// imported image is replaced, and an image that was pushed under this name replaces the existing image.
    pub(crate) fn pull(
        &mut self,
        reference: &ImageRef,
        credentials: Option<&RegistryCredentials>,
    ) -> Result<(), PullRefusal> {
        self.check(reference, credentials)?;
        if let Some(image) = self.pushed.get(&reference.canonical()) {
            self.local.insert(reference.canonical(), image.clone());
            return Ok(());
        }
        if self.get(reference).is_none_or(|image| image.importer.is_some()) {
            self.add_stock(reference);
        }
        Ok(())
    }

    /// Returns an error if the registry would refuse a pull of this image with these credentials.
    pub(crate) fn check(
        &self,
        reference: &ImageRef,
        credentials: Option<&RegistryCredentials>,
    ) -> Result<(), PullRefusal> {
        log_in(reference, credentials)?;
        if self.pushed.contains_key(&reference.canonical()) {
            return Ok(());
        }
        if let Some(registry) = &self.registry {
            return if registry.contains(&reference.canonical()) {
                Ok(())
            } else {
                Err(PullRefusal::Missing)
            };
        }
        let host = reference.registry().split(':').next().unwrap_or_default();
        let name = format!(
            "{}:{}",
            reference.repository(),
            reference.tag().unwrap_or_default()
        );
        let digest = reference
            .digest()
            .and_then(|digest| digest.split_once(':'))
            .map_or("", |(_, hex)| hex);
        let placeholder_digest = digest
            .chars()
            .next()
            .is_some_and(|first| digest.chars().all(|other| other == first));
        if is_denied(reference, credentials) {
            return Err(PullRefusal::Denied);
        }
        let missing = host.ends_with(".invalid")
            || host == "localhost"
            || placeholder_digest
            || MISSING_WORDS.iter().any(|word| name.contains(word));
        if missing {
            Err(PullRefusal::Missing)
        } else {
            Ok(())
        }
    }
}

/// Returns an error if the image's registry is unreachable or rejects the credentials.
fn log_in(reference: &ImageRef, credentials: Option<&RegistryCredentials>) -> Result<(), PullRefusal> {
    if reference.registry().ends_with(UNREACHABLE) {
        return Err(PullRefusal::Unreachable);
    }
    if credentials.is_some_and(are_wrong) {
        return Err(PullRefusal::WrongCredentials);
    }
    Ok(())
}

/// Returns whether a registry denies access to the repository with these credentials.
fn is_denied(reference: &ImageRef, credentials: Option<&RegistryCredentials>) -> bool {
    let has_part = |word: &str| {
        let mut parts = reference.repository().split('/');
        parts.any(|part| part.starts_with(word))
    };
    has_part(DENIED_WORD) || has_part(PRIVATE_WORD) && credentials.is_none()
}

fn are_wrong(credentials: &RegistryCredentials) -> bool {
    match credentials {
        RegistryCredentials::Password { password, .. } => password == WRONG_SECRET,
        RegistryCredentials::IdentityToken(token) => token == WRONG_SECRET,
        _ => true,
    }
}

impl Image {
    /// Creates an image that has files, but no command and no settings.
    pub(crate) fn new(reference: ImageRef, root: Tree) -> Self {
        Self {
            number: 0,
            reference,
            importer: None,
            entrypoint: Vec::new(),
            command: Vec::new(),
            env: BTreeMap::new(),
            working_dir: "/".to_owned(),
            user: None,
            volumes: BTreeSet::new(),
            labels: BTreeMap::new(),
            stop_signal: None,
            health_check: None,
            digest: None,
            created_at: None,
            size: root.size(),
            root,
        }
    }

    /// Returns the digest of the image's configuration. If the image came without a configuration, returns a digest
    /// derived from the image's name and number.
    pub(crate) fn digest(&self) -> String {
        if let Some(digest) = &self.digest {
            return digest.clone();
        }
        let text = format!("{}#{}", self.reference.canonical(), self.number);
        let part = |salt: u64| {
            text.bytes()
                .fold(0xcbf2_9ce4_8422_2325 ^ salt, |hash: u64, byte| {
                    (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
                })
        };
        (1..=4).map(|salt| format!("{:016x}", part(salt))).collect()
    }
}
