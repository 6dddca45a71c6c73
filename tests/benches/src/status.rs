//! What the product's metrics say of the endpoint, and the memory of this process.

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use serde::{Deserialize, Serialize};

/// One line of it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Sample {
    /// Calls in the table.
    pub(crate) calls: f64,
    /// Transactions in the table.
    pub(crate) transactions: f64,
    /// Resident memory, KiB.
    pub(crate) resident: u64,
}

/// The metrics as the product keeps them.
pub(crate) struct Status(PrometheusHandle);

impl Status {
    /// Once in a process.
    pub(crate) fn install() -> anyhow::Result<Self> {
        Ok(Self(PrometheusBuilder::new().install_recorder()?))
    }

    /// To be called each second.
    pub(crate) fn upkeep(&self) {
        self.0.run_upkeep();
    }

    /// Now.
    pub(crate) fn sample(&self) -> Sample {
        let text = self.0.render();
        let gauge = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
            line.and_then(|value| value.parse().ok()).unwrap_or_default()
        };
        Sample {
            calls: gauge("songda_sip_calls"),
            transactions: gauge("songda_sip_transactions_active"),
            resident: resident(),
        }
    }

    /// As JSON.
    pub(crate) fn line(&self) -> String {
        serde_json::to_string(&self.sample()).unwrap_or_default()
    }
}

/// Resident memory of this process in KiB.
pub(crate) fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or_default()
}
