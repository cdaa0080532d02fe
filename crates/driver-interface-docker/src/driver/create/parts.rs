//! What a container is made with: volumes, folders and networks that have to be there.

use driver_interface_errors::{
    ContainerCreationError, Hint, NetworkNotFoundError, Result, VolumeNotFoundError,
};
use driver_interface_types::{ContainerConfig, MountType, NetworkMode, label};

use crate::driver::inner::Inner;
use crate::quirks;

impl Inner {
    /// Checks that the volumes, the network and the folders that the config names are there.
    pub(super) async fn check_parts(&self, config: &ContainerConfig) -> Result<()> {
        for mount in &config.volumes {
            match mount.mount_type() {
                MountType::Bind => {
                    let address = self.engine.wire().address();
                    if quirks::bind_source_missing(self.engine.flavour(), address, &mount.source) {
                        let text = format!("`{}`, which is to be mounted, does not exist", mount.source);
                        return Err(ContainerCreationError::new(text)
                            .with_hint(Hint::MissingMountSource)
                            .into());
                    }
                }
                _ => {
                    self.volume(&mount.source).await?;
                }
            }
        }
        if let NetworkMode::Named(name) = &config.network {
            self.network_named(name).await?;
        }
        Ok(())
    }

    pub(in crate::driver) async fn network_named(&self, name: &str) -> Result<()> {
        let own = self.own_networks().await?;
        let found = own.iter().any(|network| network.name == *name);
        if found {
            Ok(())
        } else {
            Err(NetworkNotFoundError::new(name).into())
        }
    }

    /// A volume that vanished between the check and the creation was made anew by the engine, empty: that is
    /// not the one that was asked for.
    pub(super) async fn check_volume_stayed(&self, name: &str, operation: &str) -> Result<()> {
        match self.find_volume(name).await? {
            Some(volume)
                if volume
                    .labels
                    .get(label::OPERATION)
                    .is_none_or(|made_by| made_by != operation) =>
            {
                Ok(())
            }
            Some(_) | None => Err(VolumeNotFoundError::new(name).into()),
        }
    }
}
