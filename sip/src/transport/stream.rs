//! A stream of messages, in the clear or under TLS (RFC 3261, 18.3; RFC 5626, 4.4.1).

use bytes::{Bytes, BytesMut};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    time::{Instant, sleep_until, timeout},
};

use super::{
    line::{Due, Ended, Life, Line},
    unreadable,
};
use crate::wire::{Frame, Framer};

/// Read at once, in bytes.
const CHUNK: usize = 16 * 1024;

/// Carries messages until the connection is over.
pub(super) async fn serve<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, line: &mut Line) -> Ended {
    line.reached = true;
    match carry(&mut stream, line).await {
        Ok(never) => match never {},
        Err(ended) => {
            let _ = timeout(line.limits.patience, stream.shutdown()).await;
            ended
        }
    }
}

async fn carry<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    line: &mut Line,
) -> Result<std::convert::Infallible, Ended> {
    let (mut framer, mut life) = (Framer::default(), Life::new(line, Instant::now()));
    let mut chunk = BytesMut::with_capacity(CHUNK);
    loop {
        let deadline = life.deadline();
        tokio::select! {
            read = stream.read_buf(&mut chunk) => {
                if read? == 0 {
                    return Err(Ended::Closed);
                }
                framer.push(&chunk);
                chunk.clear();
                frames(stream, line, &mut framer, &mut life).await?;
                life.heard(Instant::now(), framer.waiting() > 0);
            }
            bytes = line.out.recv() => {
                let Some(bytes) = bytes else { return Err(Ended::Closing) };
                life.message(Instant::now());
                write(stream, line, bytes).await?;
            }
            () = sleep_until(deadline) => match life.due(Instant::now()) {
                Due::Nothing => {}
                Due::Ping => write(stream, line, Bytes::from_static(Frame::PING)).await?,
                Due::Idle => return Err(Ended::Idle),
                Due::Slow => return Err(Ended::Slow),
                Due::Dead => return Err(Ended::Dead),
            },
        }
    }
}

/// Passes on what is whole.
async fn frames<S: AsyncWrite + Unpin>(
    stream: &mut S,
    line: &mut Line,
    framer: &mut Framer,
    life: &mut Life,
) -> Result<(), Ended> {
    loop {
        match framer.take() {
            Ok(None) => return Ok(()),
            Ok(Some(Frame::Ping)) => {
                life.asked_for();
                write(stream, line, Bytes::from_static(Frame::PONG)).await?;
            }
            Ok(Some(Frame::Pong)) => life.pong(),
            Ok(Some(Frame::Message(bytes))) => {
                life.message(Instant::now());
                line.message(bytes).await?;
            }
            Err(error) => {
                unreadable(line.flow.protocol);
                if let Some(answer) = error.answer("end") {
                    write(stream, line, answer.into()).await?;
                }
                return Err(Ended::Unreadable);
            }
        }
    }
}

/// Writes these bytes, and with them what else is waiting.
async fn write<S: AsyncWrite + Unpin>(stream: &mut S, line: &mut Line, first: Bytes) -> Result<(), Ended> {
    let patience = line.limits.patience;
    let all = async {
        stream.write_all(&first).await?;
        while let Ok(next) = line.out.try_recv() {
            stream.write_all(&next).await?;
        }
        stream.flush().await
    };
    timeout(patience, all).await.map_err(|_| Ended::Slow)?.map_err(Ended::Io)
}
