//! An interceptor that counts and times each operation and its failures.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use driver_interface::{
    Call, ContainerDriver, Intercepted, Interceptor, Next, Operation, Result, async_trait,
};
use tokio::time::Instant;

/// The metrics of one operation. Dropped calls are not counted.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct OperationStats {
    pub(crate) calls: u32,
    pub(crate) total: Duration,
    pub(crate) longest: Duration,
    /// Failures by the code of their error.
    pub(crate) failures: BTreeMap<&'static str, u32>,
}

impl OperationStats {
    /// Failures per call, from 0 to 1.
    pub(crate) fn error_rate(&self) -> f64 {
        f64::from(self.failures.values().sum::<u32>()) / f64::from(self.calls.max(1))
    }
}

#[derive(Debug, Default)]
pub(crate) struct Measured {
    stats: Mutex<BTreeMap<Operation, OperationStats>>,
}

impl Measured {
    pub(crate) fn new(inner: Arc<dyn ContainerDriver>) -> Intercepted<Self> {
        Intercepted::new(inner, Self::default())
    }

    pub(crate) fn stats(&self, operation: Operation) -> OperationStats {
        let stats = self.stats.lock().unwrap_or_else(PoisonError::into_inner);
        stats.get(&operation).cloned().unwrap_or_default()
    }
}

#[async_trait]
impl Interceptor for Measured {
    async fn around<T: Send + 'static>(&self, call: Call<'_>, mut next: Next<'_, T>) -> Result<T> {
        let begin = Instant::now();
        let result = next.run().await;
        let took = begin.elapsed();
        let mut all = self.stats.lock().unwrap_or_else(PoisonError::into_inner);
        let stats = all.entry(call.operation).or_default();
        stats.calls += 1;
        stats.total += took;
        stats.longest = stats.longest.max(took);
        if let Err(error) = &result {
            *stats.failures.entry(error.code()).or_default() += 1;
        }
        result
    }
}
