use std::collections::{BTreeMap, BTreeSet};

use driver_interface_types::{ImageRef, Namespace};

use crate::fs::{Tree, open_folders, stock_root};

/// The program of every stock image that names no other: it sleeps until it is signalled.
pub(crate) const IDLE: &str = "idle";

/// Words that mark a reference, in its repository or tag, as one that does not exist.
const MISSING_WORDS: [&str; 5] = ["missing", "no-such", "nonexistent", "does-not-exist", "not-there"];
/// The word that marks a repository nobody may read.
const DENIED_WORD: &str = "denied";

/// The images the engine has, and what its registries hold.
#[derive(Debug)]
pub(crate) struct Images {
    local: BTreeMap<String, Image>,
    /// All there is to pull, when the user has said so; otherwise all that sounds as if it existed.
    registry: Option<BTreeSet<String>>,
    next: u64,
}

#[derive(Clone, Debug)]
pub(crate) struct Image {
    /// Which image it is, whatever name it has.
    pub(crate) number: u64,
    /// As it was named when it came.
    pub(crate) reference: ImageRef,
    /// Who imported it; none for one that was pulled or was there.
    pub(crate) importer: Option<Namespace>,
    pub(crate) entrypoint: Vec<String>,
    pub(crate) command: Vec<String>,
    pub(crate) env: BTreeMap<String, String>,
    pub(crate) working_dir: String,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) root: Tree,
}

/// What a registry says to a pull.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PullRefusal {
    Missing,
    Denied,
}

impl Images {
    /// What a new engine has: `busybox` and `alpine`.
    pub(crate) fn stock() -> Self {
        let mut images = Self {
            local: BTreeMap::new(),
            registry: None,
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
        self.local.get(&reference.canonical())
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Image> {
        self.local.values()
    }

    /// Puts an image with the stock files and the idle command in place.
    pub(crate) fn add_stock(&mut self, reference: &ImageRef) {
        self.add(reference, None, vec![IDLE.to_owned()], stock_root());
    }

    /// Puts an imported root file system in place, over whatever had the name.
    pub(crate) fn import(&mut self, reference: &ImageRef, importer: Namespace, mut root: Tree) {
        for folder in ["dev", "proc", "sys", "tmp", "etc"] {
            root.mkdir_all(folder);
        }
        root.open(open_folders());
        self.add(reference, Some(importer), Vec::new(), root);
    }

    fn add(&mut self, reference: &ImageRef, importer: Option<Namespace>, command: Vec<String>, root: Tree) {
        let image = Image {
            number: self.next,
            reference: reference.clone(),
            importer,
            entrypoint: Vec::new(),
            command,
            env: BTreeMap::new(),
            working_dir: "/".to_owned(),
            labels: BTreeMap::new(),
            root,
        };
        self.next += 1;
        self.local.insert(reference.canonical(), image);
    }

    pub(crate) fn remove(&mut self, reference: &ImageRef) {
        self.local.remove(&reference.canonical());
    }

    pub(crate) fn offer(&mut self, reference: &ImageRef) {
        self.registry
            .get_or_insert_default()
            .insert(reference.canonical());
    }

    /// Fetches an image from its registry. One that is there and was pulled before stays the same.
    pub(crate) fn pull(&mut self, reference: &ImageRef) -> Result<(), PullRefusal> {
        self.check(reference)?;
        if self.get(reference).is_none_or(|image| image.importer.is_some()) {
            self.add_stock(reference);
        }
        Ok(())
    }

    /// What the registry would say to a pull.
    pub(crate) fn check(&self, reference: &ImageRef) -> Result<(), PullRefusal> {
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
        let made_up_digest = digest
            .chars()
            .next()
            .is_some_and(|first| digest.chars().all(|other| other == first));
        if reference
            .repository()
            .split('/')
            .any(|part| part.starts_with(DENIED_WORD))
        {
            return Err(PullRefusal::Denied);
        }
        let missing = host.ends_with(".invalid")
            || host == "localhost"
            || made_up_digest
            || MISSING_WORDS.iter().any(|word| name.contains(word));
        if missing {
            Err(PullRefusal::Missing)
        } else {
            Ok(())
        }
    }
}
