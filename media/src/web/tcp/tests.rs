use super::*;

const HERE: std::net::IpAddr = std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

fn check(user: &str) -> Vec<u8> {
    let mut out = vec![0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42];
    out.extend([0; 12]);
    out.extend([0, 6, 0, user.len() as u8]);
    out.extend(user.as_bytes());
    out.resize(out.len().next_multiple_of(4), 0);
    out
}

fn framed(datagram: &[u8]) -> Vec<u8> {
    [&(datagram.len() as u16).to_be_bytes()[..], datagram].concat()
}

struct World {
    lines: Lines,
    mux: Mux,
    now: Instant,
    last: u32,
}

impl World {
    fn new() -> Self {
        let lines = Lines::listen("127.0.0.1:0".parse().unwrap(), false).unwrap();
        let mut mux = Mux::default();
        mux.add("mine".into(), Door { thread: 0, call: 1, leg: 11 });
        mux.add("theirs".into(), Door { thread: 1, call: 2, leg: 12 });
        Self { lines, mux, now: Instant::now(), last: 0 }
    }

    /// A connection, and its number.
    fn connect(&mut self) -> (TcpStream, u32) {
        let peer = TcpStream::connect(self.lines.listener().local_addr().unwrap()).unwrap();
        let before = self.last;
        while self.last == before {
            let last = &mut self.last;
            self.lines.accept(self.now, |_, id| {
                *last = id;
                Ok(())
            });
        }
        (peer, self.last)
    }

    /// Reads until so many datagrams came, or the connection ends.
    fn bring(&mut self, id: u32, wanted: usize) -> (Vec<Vec<u8>>, Option<Passage>) {
        let mut came = Vec::new();
        while came.len() < wanted && self.lines.connections.contains_key(&id) {
            let passage = self.lines.read(self.now, id, &self.mux, 0, |_, _, datagram| {
                came.push(datagram.to_vec());
            });
            if passage.is_some() {
                return (came, passage);
            }
        }
        (came, None)
    }
}

#[test]
fn frames_are_put_together_however_they_are_cut_and_answers_are_framed() {
    let mut world = World::new();
    let (mut peer, id) = world.connect();
    let octets = [framed(&check("mine:x")), framed(&[0x80; 172]), framed(&[])].concat();
    for octet in octets.chunks(7) {
        peer.write_all(octet).unwrap();
    }
    let (came, _) = world.bring(id, 3);
    assert_eq!(came.iter().map(Vec::len).collect::<Vec<_>>(), [check("mine:x").len(), 172, 0]);
    world.lines.send(peer.local_addr().unwrap(), &[7; 30]);
    let mut answer = [0; 32];
    peer.read_exact(&mut answer).unwrap();
    assert_eq!(answer[..3], [0, 30, 7]);
    world.lines.leg_gone(11);
    assert_eq!(peer.read(&mut answer).unwrap(), 0, "closed with its leg");
    assert!(world.lines.is_empty() && world.lines.by_peer.is_empty() && world.lines.by_leg.is_empty());
}

#[test]
fn who_names_no_leg_or_sends_too_long_frames_is_shown_out() {
    let mut world = World::new();
    for octets in [framed(&check("nobody:x")), framed(&[0x80; 172]), vec![0xff; 40]] {
        let (mut peer, id) = world.connect();
        peer.write_all(&octets).unwrap();
        assert!(world.bring(id, 1).0.is_empty());
        assert_eq!(peer.read(&mut [0; 8]).unwrap_or(0), 0);
    }
}

#[test]
fn who_says_nothing_is_shown_out_and_one_address_cannot_take_every_place() {
    let mut world = World::new();
    let first: Vec<_> = (0..STRANGERS_OF_ONE).map(|_| world.connect()).collect();
    assert_eq!(world.lines.of(HERE), STRANGERS_OF_ONE);
    let mut refused = TcpStream::connect(world.lines.listener().local_addr().unwrap()).unwrap();
    refused.set_read_timeout(Some(Duration::from_millis(5))).unwrap();
    let mut read = refused.read(&mut [0; 8]);
    while !matches!(read, Ok(0)) && read.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock) {
        world.lines.accept(world.now, |_, _| Ok(()));
        read = refused.read(&mut [0; 8]);
    }
    // A byte now and then is no sign of life.
    (&first[0].0).write_all(&[0]).unwrap();
    world.now += PATIENCE;
    world.lines.tick(world.now);
    assert!(world.lines.is_empty());
}

#[test]
fn a_slow_reader_loses_packets_and_costs_no_memory() {
    let mut world = World::new();
    let (mut peer, id) = world.connect();
    peer.write_all(&framed(&check("mine:x"))).unwrap();
    world.bring(id, 1);
    for _ in 0..100_000 {
        world.lines.send(peer.local_addr().unwrap(), &[7; 200]);
    }
    assert!(world.lines.connections[&id].outbox.len() <= WAITING, "of 20 million octets");
    assert!(world.lines.connections[&id].outbox.capacity() <= 2 * WAITING);
    // What is read is whole frames.
    let mut room = [0; 2];
    for _ in 0..50 {
        peer.read_exact(&mut room).unwrap();
        assert_eq!(room, [0, 200]);
        peer.read_exact(&mut [0; 200]).unwrap();
        world.lines.tick(world.now);
    }
}

#[test]
fn a_leg_has_one_connection_and_a_second_one_takes_over_only_from_a_silent_one() {
    let mut world = World::new();
    let (mut first, one) = world.connect();
    first.write_all(&framed(&check("mine:x"))).unwrap();
    world.bring(one, 1);
    let (mut second, two) = world.connect();
    second.write_all(&framed(&check("mine:x"))).unwrap();
    world.bring(two, 1);
    assert!(world.lines.connections.contains_key(&one) && !world.lines.connections.contains_key(&two));
    world.now += SILENT;
    let (mut third, three) = world.connect();
    third.write_all(&framed(&check("mine:x"))).unwrap();
    world.bring(three, 1);
    assert!(!world.lines.connections.contains_key(&one) && world.lines.by_leg[&11] == three);
}

#[test]
fn another_threads_connection_is_handed_over_with_what_came() {
    let mut world = World::new();
    let (mut peer, id) = world.connect();
    peer.write_all(&framed(&check("theirs:x"))).unwrap();
    let passage = loop {
        if let (_, Some(passage)) = world.bring(id, 1) {
            break passage;
        }
    };
    assert_eq!((passage.door.thread, world.lines.is_empty()), (1, true));
    let mut other = World::new();
    let id = other.lines.take_over(other.now, passage, |_, _| Ok(())).unwrap();
    let mut came = 0;
    while came == 0 {
        other.lines.read(other.now, id, &other.mux, 1, |_, _, _| came += 1);
    }
    other.lines.send(peer.local_addr().unwrap(), &[1; 4]);
    let mut answer = [0; 6];
    peer.read_exact(&mut answer).unwrap();
    assert_eq!(answer, [0, 4, 1, 1, 1, 1]);
}
