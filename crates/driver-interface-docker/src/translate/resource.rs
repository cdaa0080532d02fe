//! Conversion of the engine's volume and network records.

use std::time::SystemTime;

use driver_interface_kit::{session_of, user_labels};
use driver_interface_types::{Network, NetworkId, Volume, VolumeId};

use super::labels;
use super::records::{NetworkRecord, VolumeRecord};
use super::time;
use crate::wire::EngineError;

pub(crate) fn volume(record: &VolumeRecord) -> Result<Volume, EngineError> {
    let unusable =
        |_| EngineError::InvalidResponse(format!("a volume with the invalid name {:?}", record.name));
    let id = VolumeId::new(record.name.as_str()).map_err(unusable)?;
    let created_at = time::parse(&record.created_at).unwrap_or(SystemTime::UNIX_EPOCH);
    let mut volume = Volume::new(id, record.driver.as_str(), created_at);
    volume.session_id = session_of(&record.labels);
    volume.mountpoint = record.mountpoint.clone();
    volume.owner = labels::volume_owner(&record.labels);
    volume.labels = user_labels(&record.labels);
    Ok(volume)
}

pub(crate) fn network(record: &NetworkRecord) -> Result<Network, EngineError> {
    let unusable = |_| EngineError::InvalidResponse(format!("a network with the invalid id {:?}", record.id));
    let id = NetworkId::new(record.id.as_str()).map_err(unusable)?;
    let created_at = time::parse(&record.created).unwrap_or(SystemTime::UNIX_EPOCH);
    let mut network = Network::new(id, record.name.as_str(), record.driver.as_str(), created_at);
    network.session_id = session_of(&record.labels);
    network.labels = user_labels(&record.labels);
    network.internal = record.internal;
    Ok(network)
}
