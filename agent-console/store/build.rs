//! A new migration is built in: `sqlx::migrate!` does not see by itself that one was added.

fn main() {
    println!("cargo:rerun-if-changed=../../migrations");
}
