//! songda-tests
