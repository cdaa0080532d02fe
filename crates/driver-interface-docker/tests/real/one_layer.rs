//! Images of one unique layer: an engine does not read the content of a layer that it already has.

use sha2::{Digest, Sha256};

/// The layer and config of an image.
#[derive(Debug, Clone)]
pub(crate) struct OneLayer {
    pub(crate) layer: Vec<u8>,
    pub(crate) config: String,
}

impl OneLayer {
    /// Builds an image with one small file of random content.
    pub(crate) fn new() -> Self {
        let content: [u8; 32] = rand::random();
        let layer = archive(&[("content", &content)]);
        let config = format!(
            r#"{{"architecture":"amd64","os":"linux","config":{{}},"rootfs":{{"type":"layers","diff_ids":["{}"]}}}}"#,
            digest(&layer)
        );
        Self { layer, config }
    }

    /// Returns the image in `docker save` format.
    pub(crate) fn saved(&self, name: &str) -> Vec<u8> {
        let manifest =
            format!(r#"[{{"Config":"config.json","RepoTags":["{name}"],"Layers":["layer.tar"]}}]"#);
        archive(&[
            ("manifest.json", manifest.as_bytes()),
            ("config.json", self.config.as_bytes()),
            ("layer.tar", &self.layer),
        ])
    }
}

pub(crate) fn digest(content: &[u8]) -> String {
    let hex: Vec<String> = Sha256::digest(content)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("sha256:{}", hex.concat())
}

pub(crate) fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, content) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, name, *content).unwrap();
    }
    builder.into_inner().unwrap()
}
