//! The acceptance suite: the built server against real peers and `songda-sim`. Everything
//! stands under `tests/it`; the scenarios of SIPp lie in `sipp`, the simulator in `sim`.
