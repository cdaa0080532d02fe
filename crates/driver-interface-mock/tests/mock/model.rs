//! Random sequences of operations agree with a small model of the contract.

use std::time::Duration;

use driver_interface_errors::codes;
use driver_interface_mock::MockDockerDriver;
use driver_interface_types::{
    ContainerDriver, ContainerDriverExt as _, ContainerFilter, ContainerId, ContainerStatus, RemoveOptions,
    ResourceFilter, Result, StartOutcome, StopOptions, StopOutcome, VolumeConfig, VolumeId, VolumeMount,
};
use proptest::prelude::*;
use tokio::time::sleep;

use super::support::{instant_driver, script, server, stubborn};

/// The number of containers and volumes in a sequence.
const SLOTS: usize = 3;
const VOLUMES: usize = 2;
/// The run time of a short container. All other times are whole seconds, so its exit coincides with none.
const SHORT: f64 = 4.5;
/// The grace of the stops.
const GRACE: f64 = 5.0;

#[derive(Clone, Copy, Debug)]
enum Program {
    /// Exits with 0 on SIGTERM.
    Server,
    /// Ignores SIGTERM.
    Stubborn,
    /// Exits with 3 without a signal.
    Short,
}

#[derive(Clone, Debug)]
enum Step {
    Create {
        slot: usize,
        program: Program,
        volume: Option<usize>,
    },
    Start(usize),
    Stop {
        slot: usize,
        force: bool,
    },
    Remove {
        slot: usize,
        force: bool,
    },
    Wait(u64),
    CreateVolume(usize),
    RemoveVolume(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let program = prop_oneof![
        Just(Program::Server),
        Just(Program::Stubborn),
        Just(Program::Short)
    ];
    let slot = 0..SLOTS;
    prop_oneof![
        3 => (slot.clone(), program, prop::option::of(0..VOLUMES))
            .prop_map(|(slot, program, volume)| Step::Create { slot, program, volume }),
        4 => slot.clone().prop_map(Step::Start),
        3 => (slot.clone(), any::<bool>()).prop_map(|(slot, force)| Step::Stop { slot, force }),
        2 => (slot, any::<bool>()).prop_map(|(slot, force)| Step::Remove { slot, force }),
        2 => (1_u64..8).prop_map(Step::Wait),
        2 => (0..VOLUMES).prop_map(Step::CreateVolume),
        1 => (0..VOLUMES).prop_map(Step::RemoveVolume),
    ]
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Phase {
    Created,
    RunningSince(f64),
    Exited(i64),
}

#[derive(Clone, Copy, Debug)]
struct Container {
    program: Program,
    volume: Option<usize>,
    phase: Phase,
    /// The creation order.
    number: usize,
}

/// The expected state according to the contract.
#[derive(Debug, Default)]
struct Model {
    now: f64,
    created: usize,
    containers: [Option<Container>; SLOTS],
    volumes: [bool; VOLUMES],
}

impl Model {
    fn pass(&mut self, seconds: f64) {
        self.now += seconds;
        for container in self.containers.iter_mut().flatten() {
            if let (Program::Short, Phase::RunningSince(start)) = (container.program, container.phase)
                && self.now - start > SHORT
            {
                container.phase = Phase::Exited(3);
            }
        }
    }

    /// Returns the expected result of an operation, or its error code.
    fn apply(&mut self, step: &Step) -> std::result::Result<String, &'static str> {
        match *step {
            Step::Wait(seconds) => self.pass(seconds as f64),
            Step::CreateVolume(volume) if self.volumes[volume] => return Err(codes::VOLUME_CREATION_FAILED),
            Step::CreateVolume(volume) => self.volumes[volume] = true,
            Step::RemoveVolume(volume) => {
                let used = self
                    .containers
                    .iter()
                    .flatten()
                    .any(|container| container.volume == Some(volume));
                match (self.volumes[volume], used) {
                    (false, _) => return Err(codes::VOLUME_NOT_FOUND),
                    (true, true) => return Err(codes::VOLUME_REMOVE_FAILED),
                    (true, false) => self.volumes[volume] = false,
                }
            }
            Step::Create { slot, .. } if self.containers[slot].is_some() => {
                return Err(codes::CONTAINER_CREATION_FAILED);
            }
            Step::Create {
                volume: Some(volume), ..
            } if !self.volumes[volume] => return Err(codes::VOLUME_NOT_FOUND),
            Step::Create {
                slot,
                program,
                volume,
            } => {
                self.created += 1;
                self.containers[slot] = Some(Container {
                    program,
                    volume,
                    phase: Phase::Created,
                    number: self.created,
                });
            }
            Step::Start(slot) => {
                let now = self.now;
                let container = self.containers[slot].as_mut().ok_or(codes::CONTAINER_NOT_FOUND)?;
                if matches!(container.phase, Phase::RunningSince(_)) {
                    return Ok(format!("{:?}", StartOutcome::AlreadyRunning));
                }
                container.phase = Phase::RunningSince(now);
                return Ok(format!("{:?}", StartOutcome::Started));
            }
            Step::Stop { slot, force } => return self.stop(slot, force),
            Step::Remove { slot, force } => {
                let container = self.containers[slot].ok_or(codes::CONTAINER_NOT_FOUND)?;
                if matches!(container.phase, Phase::RunningSince(_)) && !force {
                    return Err(codes::CONTAINER_REMOVE_FAILED);
                }
                self.containers[slot] = None;
            }
        }
        Ok(String::new())
    }

    fn stop(&mut self, slot: usize, force: bool) -> std::result::Result<String, &'static str> {
        let container = self.containers[slot].as_mut().ok_or(codes::CONTAINER_NOT_FOUND)?;
        if !matches!(container.phase, Phase::RunningSince(_)) {
            return Ok(format!("{:?}", StopOutcome::AlreadyStopped));
        }
        let (code, outcome) = match (force, container.program) {
            (true, _) => (137, StopOutcome::Killed),
            (false, Program::Server) => (0, StopOutcome::Stopped),
            (false, Program::Short) => (143, StopOutcome::Stopped),
            (false, Program::Stubborn) => {
                self.pass(GRACE);
                return Err(codes::CONTAINER_STOP_FAILED);
            }
        };
        container.phase = Phase::Exited(code);
        Ok(format!("{outcome:?}"))
    }

    fn listing(&self) -> Vec<(String, ContainerStatus, Option<i64>)> {
        let named = self.containers.iter().enumerate();
        let mut all: Vec<(usize, Container)> = named.filter_map(|(slot, c)| Some((slot, (*c)?))).collect();
        all.sort_by_key(|(_, container)| container.number);
        all.into_iter()
            .map(|(slot, container)| {
                let (status, code) = match container.phase {
                    Phase::Created => (ContainerStatus::Created, None),
                    Phase::RunningSince(_) => (ContainerStatus::Running, None),
                    Phase::Exited(code) => (ContainerStatus::of_exit(code, Some(false)), Some(code)),
                };
                (slot_name(slot), status, code)
            })
            .collect()
    }
}

fn slot_name(slot: usize) -> String {
    format!("slot-{slot}")
}

fn volume_name(volume: usize) -> String {
    format!("volume-{volume}")
}

async fn perform(driver: &MockDockerDriver, step: &Step) -> Result<String> {
    let id = async |slot: usize| {
        let found = driver.find_container(&slot_name(slot)).await.unwrap();
        found.map_or_else(|| ContainerId::new(slot_name(slot)).unwrap(), |found| found.id)
    };
    match *step {
        Step::Create {
            slot,
            program,
            volume,
        } => {
            let config = match program {
                Program::Server => server(),
                Program::Stubborn => stubborn(),
                Program::Short => script(&format!("echo ready; sleep {SHORT}; exit 3")),
            };
            let mount = volume.map(|volume| VolumeMount::volume(volume_name(volume), "/data"));
            let config = mount
                .into_iter()
                .fold(config.name(slot_name(slot)), |config, mount| config.mount(mount));
            driver.create_container(&config).await?;
        }
        Step::Start(slot) => {
            let outcome = driver.start_container(&id(slot).await).await?;
            // Give the program time to set its traps.
            sleep(Duration::from_millis(10)).await;
            return Ok(format!("{outcome:?}"));
        }
        Step::Stop { slot, force } => {
            let options = if force {
                StopOptions::kill()
            } else {
                StopOptions::graceful(Duration::from_secs_f64(GRACE))
            };
            return Ok(format!(
                "{:?}",
                driver.stop_container(&id(slot).await, options).await?
            ));
        }
        Step::Remove { slot, force } => {
            let options = if force {
                RemoveOptions::force()
            } else {
                RemoveOptions::default()
            };
            driver.remove_container(&id(slot).await, options).await?;
        }
        Step::Wait(seconds) => sleep(Duration::from_secs(seconds)).await,
        Step::CreateVolume(volume) => {
            driver
                .create_volume(&VolumeConfig::new(volume_name(volume)))
                .await?;
        }
        Step::RemoveVolume(volume) => {
            driver
                .remove_volume(&VolumeId::new(volume_name(volume)).unwrap())
                .await?
        }
    }
    Ok(String::new())
}

async fn run_sequence(steps: Vec<Step>) {
    let driver = instant_driver();
    let mut model = Model::default();
    for (number, step) in steps.iter().enumerate() {
        let expected = model.apply(step).map_err(str::to_owned);
        let actual = perform(&driver, step)
            .await
            .map_err(|error| error.code().to_owned());
        assert_eq!(actual, expected, "step {number}: {step:?} of {steps:?}");

        let listed = driver.list_containers(&ContainerFilter::default()).await.unwrap();
        let actual: Vec<_> = listed
            .iter()
            .map(|c| (c.name.clone(), c.status, c.exit_code()))
            .collect();
        assert_eq!(
            actual,
            model.listing(),
            "after step {number}: {step:?} of {steps:?}"
        );
        for container in listed {
            assert_eq!(
                driver.get_container(&container.id).await.unwrap(),
                Some(container)
            );
        }
        let volumes = driver
            .list_volumes(&ResourceFilter::default())
            .await
            .unwrap()
            .len();
        assert_eq!(volumes, model.volumes.iter().filter(|there| **there).count());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_sequences_agree_with_the_model(steps in prop::collection::vec(step(), 1..40)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(run_sequence(steps));
    }
}
