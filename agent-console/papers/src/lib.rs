//! songda-papers
