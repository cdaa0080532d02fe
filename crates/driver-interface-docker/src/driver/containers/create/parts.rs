//! Checks of the volumes, directories and networks that a container needs.

use driver_interface_errors::{NetworkNotFoundError, Result, UnsupportedError, VolumeNotFoundError};
use driver_interface_types::{ContainerConfig, MountType, NetworkConnectOptions, NetworkMode, label};

use super::binds::missing;
use crate::driver::inner::Inner;
use crate::translate::errors::Operation;
use crate::translate::records::NetworkRecord;
use crate::translate::tmpfs;

impl Inner {
    /// Checks that the volumes, the bind mount sources and the networks that the config names exist. Returns the name
    /// of the config's main network, even if the config identifies the network by id. Returns `None` if the config
    /// names no network.
    pub(super) async fn check_parts(&self, config: &ContainerConfig) -> Result<Option<String>> {
        let absent = self.missing_sources(config).await;
        if let Some(mount) = absent.first().and_then(|index| config.volumes.get(*index)) {
            return Err(missing(&mount.source).into());
        }
        for mount in config
            .volumes
            .iter()
            .filter(|mount| mount.mount_type() != MountType::Bind)
        {
            self.volume(&mount.source).await?;
        }
        self.further_networks(config).await?;
        match &config.network {
            NetworkMode::Named(network) => self.network_name(network).await.map(Some),
            _ => Ok(None),
        }
    }

    /// Returns the name of the network that `network` identifies by name or by id.
    async fn network_name(&self, network: &str) -> Result<String> {
        let own = self.own_networks().await?;
        called(&own, network).map(|found| found.name.clone())
    }

    /// Returns the networks that a container joins in addition to its first one, each with its options.
    pub(super) async fn further_networks<'a>(
        &self,
        config: &'a ContainerConfig,
    ) -> Result<Vec<(NetworkRecord, &'a NetworkConnectOptions)>> {
        if config.networks.is_empty() {
            return Ok(Vec::new());
        }
        let own = self.own_networks().await?;
        let further = config.networks.iter();
        further
            .map(|(name, options)| Ok((called(&own, name)?.clone(), options)))
            .collect()
    }

    /// Returns an error if the OCI runtime would give a tmpfs mount the mode of the image's directory at the same
    /// path, and that mode is unsuitable. `id` is the id of the new container. It is needed because the engine
    /// reports the mode of an image's directory only for a container.
    pub(super) async fn check_tmpfs_modes(&self, id: &str, config: &ContainerConfig) -> Result<()> {
        let is_known = matches!(config.runtime.as_deref(), None | Some("runc"));
        if !self.features.keeps_mode || !is_known {
            return Ok(());
        }
        for mount in tmpfs::all(config) {
            let unseen = |failure| self.error(Operation::InspectContainer, id, failure);
            let mut below = self.engine.stat_path(id, &mount.target).await.map_err(unseen)?;
            if let Some(target) = below.as_ref().and_then(|stat| stat.link_target()) {
                below = self.engine.stat_path(id, target).await.map_err(unseen)?;
            }
            let unsupported_reason = below.filter(|stat| stat.is_directory()).and_then(|below| {
                tmpfs::unsupported_reason(&mount, &config.security, self.engine.dialect(), &below)
            });
            if let Some(unsupported_reason) = unsupported_reason {
                let reason = format!(
                    "the tmpfs mount at `{}` covers a directory of the image, and this engine's runc is \
                     older than 1.1.8, so {unsupported_reason}; mount it at a path that does not exist in \
                     the image, set `security.user` to a number, or update runc",
                    mount.target
                );
                return Err(UnsupportedError::new(super::OPERATION, reason).into());
            }
        }
        Ok(())
    }

    /// Returns an error if the volume `name` does not exist, or if the engine itself created it during the container
    /// creation with the key `operation`. Engines silently create an empty volume if the requested volume was removed
    /// between the driver's check and the container's creation.
    pub(super) async fn check_volume_not_recreated(&self, name: &str, operation: &str) -> Result<()> {
        match self.find_volume(name).await? {
            Some(volume)
                if volume
                    .labels
                    .get(label::OPERATION)
                    .is_none_or(|created_by| created_by != operation) =>
            {
                Ok(())
            }
            Some(_) | None => Err(VolumeNotFoundError::new(name).into()),
        }
    }
}

/// Returns the network among `own` that `network` identifies by name or by id.
pub(in crate::driver) fn called<'a>(own: &'a [NetworkRecord], network: &str) -> Result<&'a NetworkRecord> {
    let found = own.iter().find(|own| own.name == network || own.id == network);
    found.ok_or_else(|| NetworkNotFoundError::new(network).into())
}
