//! songda-calls
