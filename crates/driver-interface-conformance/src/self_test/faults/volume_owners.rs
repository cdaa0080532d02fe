//! Faults in the owners of volumes.

use driver_interface_types::{ContainerDriver as _, Result, Volume, VolumeConfig, VolumeOwner};
use futures_util::FutureExt as _;

use crate::self_test::Fault;
use crate::self_test::mutation::Inside;
use crate::self_test::mutation::Mutation::{Config, CreateVolume, GetVolume, ListVolumes};

pub(super) const FAULTS: &[Fault] = &[
    Fault::new(
        "volumes-without-owner-belong-to-root",
        "A volume without a configured owner belongs to root, and the driver reports the default user.",
        &[CreateVolume(|inside, config| {
            create_with_owner(inside, config, config.owner.or(Some(VolumeOwner::ROOT))).boxed()
        })],
        &["volumes/default-owner"],
    ),
    Fault::new(
        "volume-owner-ignored",
        "A volume belongs to the default user, and the driver reports the configured owner.",
        &[CreateVolume(|inside, config| {
            create_with_owner(inside, config, None).boxed()
        })],
        &["volumes/owner", "volumes/owner-kept-on-mount"],
    ),
    Fault::new(
        "volume-owner-only-on-creation",
        "Only the creation of a volume reports its owner.",
        &[
            GetVolume(|inside, id| {
                async move {
                    let found = inside.driver.get_volume(id).await?;
                    Ok(found.map(without_owner))
                }
                .boxed()
            }),
            ListVolumes(|inside, filter| {
                async move {
                    let found = inside.driver.list_volumes(filter).await?;
                    Ok(found.into_iter().map(without_owner).collect())
                }
                .boxed()
            }),
        ],
        &["volumes/owner-reported"],
    ),
    Fault::new(
        "volume-not-mounted-over-image-directory",
        "A volume is not mounted over a directory of the image.",
        &[Config(|config| {
            config.volumes.retain(|mount| mount.target != "/home");
        })],
        &["volumes/owner-kept-on-mount"],
    ),
];

/// Creates a volume that belongs to `owner`, but reports the owner that `config` sets.
async fn create_with_owner(
    inside: &Inside,
    config: &VolumeConfig,
    owner: Option<VolumeOwner>,
) -> Result<Volume> {
    let mut changed = config.clone();
    changed.owner = owner;
    let mut volume = inside.driver.create_volume(&changed).await?;
    volume.owner = config.effective_owner();
    Ok(volume)
}

fn without_owner(mut volume: Volume) -> Volume {
    volume.owner = None;
    volume
}
