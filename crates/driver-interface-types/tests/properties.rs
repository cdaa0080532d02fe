//! Properties that hold for every input.

#![allow(
    clippy::unwrap_used,
    reason = "a test may fail by panicking, and so may what it is helped by"
)]

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use driver_interface_types::{
    ContainerConfig, ContainerFilter, ContainerId, ContainerInstance, ContainerState, ContainerStatus,
    ExitInfo, ImageRef, NetworkMode, SessionId,
};
use proptest::prelude::*;

fn status() -> impl Strategy<Value = ContainerStatus> {
    prop::sample::select(ContainerStatus::ALL.to_vec())
}

fn instance() -> impl Strategy<Value = ContainerInstance> {
    let labels = prop::collection::btree_map("[a-c]", "[x-z]?", 0..3);
    ("[s-t]", status(), labels).prop_map(|(session, status, labels)| {
        let id = ContainerId::new("ab").unwrap();
        let mut created = ContainerInstance::new(id, "ab", SessionId::new(session).unwrap(), "i", UNIX_EPOCH);
        created.labels = labels;
        created.with_status(status)
    })
}

proptest! {
    #[test]
    fn accepted_id_is_safe_in_urls_labels_and_paths(text in ".*") {
        if let Ok(id) = ContainerId::new(text.clone()) {
            prop_assert_eq!(id.as_str(), &text);
            prop_assert!(text.chars().all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c)));
            prop_assert!(!text.starts_with(['.', '-', '_']) && (2..=255).contains(&text.len()));
        }
    }

    #[test]
    fn well_formed_names_are_accepted(text in "[A-Za-z0-9][A-Za-z0-9_.-]{1,254}") {
        let id: ContainerId = text.parse().unwrap();
        prop_assert_eq!(serde_json::to_value(&id).unwrap(), text);
    }

    #[test]
    fn image_reference_parsing_never_panics_or_alters_text(text in ".*") {
        if let Ok(image) = ImageRef::new(text.clone()) {
            prop_assert_eq!(image.as_str(), &text);
        }
    }

    #[test]
    fn canonical_reference_names_the_same_image(
        text in "([a-z]{1,5}\\.io(:[0-9]{1,4})?/)?[a-z0-9]{1,6}(/[a-z0-9]{1,6}([._-][a-z0-9]{1,3})?){0,2}(:[a-zA-Z0-9_.-]{1,5})?"
    ) {
        if let Ok(image) = ImageRef::new(text) {
            let again = ImageRef::new(image.canonical()).unwrap();
            prop_assert_eq!(again.canonical(), image.canonical());
            prop_assert_eq!(again.registry(), image.registry());
            prop_assert_eq!(again.repository(), image.repository());
            prop_assert_eq!(again.tag(), image.tag());
        }
    }

    #[test]
    fn network_mode_round_trips(text in "[a-z0-9]{0,12}") {
        let mode = NetworkMode::from(text.as_str());
        let written = String::from(mode.clone());
        prop_assert_eq!(NetworkMode::from(written.as_str()), mode);
    }

    #[test]
    fn state_follows_from_status(created in instance()) {
        prop_assert_eq!(created.state, created.status.state());
    }

    #[test]
    fn exit_is_stopped_or_an_error(code in -1_i64..=300, oom in any::<Option<bool>>()) {
        let exit = ExitInfo::new(code, oom, SystemTime::UNIX_EPOCH + Duration::from_secs(1));
        let status = exit.status();
        match status {
            ContainerStatus::Stopped => {
                prop_assert!([0, 130, 137, 143].contains(&code));
                prop_assert_ne!(exit.oom_killed, Some(true));
                prop_assert_eq!(status.state(), ContainerState::Terminated);
            }
            other => {
                prop_assert_eq!(other, ContainerStatus::Exited);
                prop_assert_eq!(other.state(), ContainerState::Error);
            }
        }
        prop_assert_eq!(exit.signal.is_some(), (129..=192).contains(&code));
        prop_assert_eq!(exit.oom_killed, if code == 137 { oom } else { Some(false) });
    }

    #[test]
    fn filter_criteria_are_combined_with_and(created in instance(), selected in status(), key in "[a-c]", value in "[x-z]?") {
        let narrow = ContainerFilter::default().status(selected).label(key.clone(), value.clone());
        let expected = created.status == selected && created.labels.get(&key) == Some(&value);
        prop_assert_eq!(narrow.matches(&created), expected);
        prop_assert!(ContainerFilter::default().matches(&created));
        let own = ContainerFilter::default().session(created.session_id.clone()).state(created.state);
        prop_assert!(own.matches(&created));
        let unmanaged = ContainerFilter::default().session(SessionId::new("other").unwrap());
        prop_assert!(!unmanaged.matches(&created));
    }

    #[test]
    fn equal_configs_have_equal_fingerprints(env in prop::collection::btree_map("[A-Z]{1,3}", ".*", 0..4)) {
        let with = |pairs: Vec<(String, String)>| {
            pairs.into_iter().fold(ContainerConfig::new("s", "i"), |config, (key, value)| config.env(key, value))
        };
        let mut pairs: Vec<_> = env.into_iter().collect();
        let forward = with(pairs.clone());
        pairs.reverse();
        prop_assert_eq!(forward.fingerprint(), with(pairs).fingerprint());
    }
}
