//! The measurements that need no engine, because the operations run in this process.

use std::hint::black_box;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use driver_interface::mock::Latency;
use driver_interface::prelude::*;
use driver_interface::{MockDockerDriver, parse_container_config, validate_container_config};
use serde::Serialize;

use super::measure::quantile;

/// The time for which one measurement repeats its operation.
const LONG_ENOUGH: Duration = Duration::from_millis(300);
/// The number of measurements of one operation. The result is their median.
const TIMES: usize = 5;

/// The measured time of one operation, and the goal for this time.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Alone {
    pub(super) name: &'static str,
    pub(super) microseconds: f64,
    /// The longest time that the operation should take, in microseconds.
    pub(super) goal: Option<f64>,
}

/// The times of operations on a mock with the given number of containers.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Growth {
    pub(super) containers: usize,
    pub(super) create_microseconds: f64,
    /// The time of one listing whose filter matches ten containers, in microseconds.
    pub(super) list_microseconds: f64,
}

pub(super) async fn alone() -> Result<Vec<Alone>> {
    let config = typical();
    validate_container_config(&config)?;
    let json = serde_json::to_string(&config)?;
    let validate = timed(|| {
        let _ = black_box(validate_container_config(black_box(&config)));
    });
    let parse = timed(|| {
        let _ = black_box(parse_container_config(black_box(&json)));
    });
    let driver = driver();
    let cycle = ContainerConfig::new("bench", "busybox").command(["true"]);
    let lifecycle = timed_async(async || {
        let made = driver.create_container(&cycle).await?;
        driver.start_container(&made.id).await?;
        driver.wait_container(&made.id, WaitOptions::default()).await?;
        Ok(driver
            .remove_container(&made.id, RemoveOptions::default())
            .await?)
    });
    let lifecycle = lifecycle.await?;
    let id = driver.create_container(&cycle).await?.id;
    let get = timed_async(async || {
        driver.get_container(&id).await?.context("it is gone")?;
        Ok(())
    });
    let get = get.await?;
    let row = |name, microseconds, goal| Alone {
        name,
        microseconds,
        goal: Some(goal),
    };
    Ok(vec![
        row("validate a typical config", validate, 0.5),
        row("parse and validate its JSON", parse, 5.0),
        row("mock: create, start, wait, remove", lifecycle, 1e6 / 150_000.0),
        row("mock: get_container", get, 1e6 / 1_500_000.0),
    ])
}

/// Measures operations of the mock while the number of its containers grows up to `most`.
pub(super) async fn growth(most: usize) -> Result<Vec<Growth>> {
    let driver = driver();
    let config = |number: usize| {
        ContainerConfig::new(format!("session-{}", number / 10), "busybox").name(format!("c{number}"))
    };
    let mut found = Vec::new();
    let (mut there, mut step) = (0, 100);
    while step <= most {
        while there < step {
            driver.create_container(&config(there)).await?;
            there += 1;
        }
        let mut next = there;
        let create = timed_async(async || {
            let made = driver.create_container(&config(next)).await?;
            next += 1;
            Ok(driver
                .remove_container(&made.id, RemoveOptions::default())
                .await?)
        });
        let create = create.await?;
        let filter = ContainerFilter::default().session(SessionId::new("session-3")?);
        let list = timed_async(async || {
            let listed = driver.list_containers(&filter).await?.len();
            anyhow::ensure!(listed == 10, "{listed} were listed");
            Ok(())
        });
        found.push(Growth {
            containers: there,
            create_microseconds: create,
            list_microseconds: list.await?,
        });
        step *= 10;
    }
    Ok(found)
}

fn driver() -> MockDockerDriver {
    MockDockerDriver::builder().latency(Latency::Off).build()
}

fn typical() -> ContainerConfig {
    ContainerConfig::new("session-1", "registry.example/team/app:1.2")
        .name("web")
        .command(["serve", "--port", "8080"])
        .env("LOG_LEVEL", "info")
        .env("DATABASE", "postgres://db/app")
        .label("team", "a")
        .memory(256)
        .cpu(1.0)
        .port(PortMapping::new(8080))
        .mount(VolumeMount::volume("data", "/data"))
}

/// Returns the median time of one call of `work`, in microseconds.
fn timed(mut work: impl FnMut()) -> f64 {
    let times: Vec<f64> = (0..TIMES)
        .map(|_| {
            let (began, mut calls) = (Instant::now(), 0_u32);
            while began.elapsed() < LONG_ENOUGH {
                for _ in 0..100 {
                    work();
                }
                calls += 100;
            }
            began.elapsed().as_secs_f64() * 1e6 / f64::from(calls)
        })
        .collect();
    quantile(&times, 0.5)
}

/// Returns the median time of one call of the asynchronous function `work`, in microseconds.
async fn timed_async(mut work: impl AsyncFnMut() -> Result<()>) -> Result<f64> {
    let mut times = Vec::new();
    for _ in 0..TIMES {
        let (began, mut calls) = (Instant::now(), 0_u32);
        while began.elapsed() < LONG_ENOUGH {
            for _ in 0..10 {
                work().await?;
            }
            calls += 10;
        }
        times.push(began.elapsed().as_secs_f64() * 1e6 / f64::from(calls));
    }
    Ok(quantile(&times, 0.5))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typical_config_is_valid() {
        validate_container_config(&typical()).unwrap();
    }
}
