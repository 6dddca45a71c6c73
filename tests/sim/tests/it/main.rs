//! The outside world against a caller and a court's client that know nothing of its code.

#[cfg(test)]
mod caller;
#[cfg(test)]
mod calls;
#[cfg(test)]
mod cases;
#[cfg(test)]
mod court;
#[cfg(test)]
mod inward;
#[cfg(test)]
mod notary;
#[cfg(test)]
mod parties;
#[cfg(test)]
mod product;
#[cfg(test)]
mod registers;
#[cfg(test)]
mod sipp;
#[cfg(test)]
mod time;
#[cfg(test)]
mod world;
