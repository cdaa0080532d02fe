//! Random fault plans: a seed determines a fault and the request into which the fault is injected.

use std::fmt;
use std::time::Duration;

use super::{Answer, Break, Endpoint, Exchange, Fault, FrameField, Framing, Position, Rule, Stage, When};

/// A random fault, and the request into which this fault is injected. The request is one of the requests that an
/// operation sends.
///
/// To create a plan, first run the operation without faults and record its requests ([`FaultProxy::take_exchanges`]).
/// The plan picks one of these requests, and a fault that applies to the request and its response. The same seed and
/// requests give the same plan. A plan displays as one line that starts with the seed.
///
/// A driver can detect the fault of every plan. The following faults are therefore never drawn, because a driver
/// cannot detect them:
/// - a refusal that the engine could have sent, although the engine has acted
/// - a plausible, well-formed response to a request that the engine never received
/// - the clean end of a body that is delimited only by the end of the connection
///
/// [`FaultProxy::take_exchanges`]: super::FaultProxy::take_exchanges
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    seed: u64,
    index: usize,
    request: String,
    fault: Fault,
}

impl Plan {
    /// Draws a plan for one of `requests`. Returns `None` if `requests` is empty. `max_wait` is the deadline of the
    /// driver's calls. The delays in a plan are at most twice as long as `max_wait`.
    pub fn draw(seed: u64, requests: &[Exchange], max_wait: Duration) -> Option<Self> {
        let mut dice = Rng(seed);
        let index = dice.below(requests.len());
        let request = requests.get(index)?;
        let mut families = families(request, max_wait, &mut dice);
        families.retain(|family| !family.is_empty());
        let family = families.swap_remove(dice.below(families.len()));
        let fault = family.get(dice.below(family.len()))?.clone();
        Some(Self {
            seed,
            index,
            request: format!("{} {}", request.method, shorten(&request.path)),
            fault,
        })
    }

    /// Returns the rule that injects the fault. The rule counts the requests that the proxy receives after
    /// [`inject`](super::FaultProxy::inject). Therefore, [clear](super::FaultProxy::clear) the proxy and add the rule
    /// right before the operation.
    pub fn rule(&self) -> Rule {
        Rule::any().skip(self.index).times(1).fault(self.fault.clone())
    }

    /// Returns the fault.
    pub fn fault(&self) -> &Fault {
        &self.fault
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seed, number) = (self.seed, self.index + 1);
        write!(
            f,
            "seed {seed}: request {number} ({}): {}",
            self.request, self.fault
        )
    }
}

/// Replaces the ids in a path, because they differ from run to run.
fn shorten(path: &str) -> String {
    let parts = path.split('/').map(|part| {
        let is_id = part.len() >= 32 && part.bytes().all(|byte| byte.is_ascii_hexdigit());
        if is_id { "…" } else { part }
    });
    parts.collect::<Vec<_>>().join("/")
}

/// Returns the faults that can be injected into a request, grouped by kind. All groups have the same probability.
fn families(request: &Exchange, max_wait: Duration, dice: &mut Rng) -> Vec<Vec<Fault>> {
    let framing = request.framing.unwrap_or(Framing::Empty);
    let has_body = framing != Framing::Empty && request.bytes > 0;
    let mut positions = vec![
        Position::BeforeRequest,
        Position::AfterRequest,
        Position::BeforeResponse,
        Position::InHead,
    ];
    if request.method != "GET" && request.method != "HEAD" {
        positions.push(Position::InRequest(dice.below(64) as u64));
    }
    vec![
        breaks(&positions),
        breaks(&positions_in_body(request, framing, has_body, max_wait, dice)),
        vec![
            Fault::Answer(When::Instead, refusal(&request.method, dice)),
            Fault::Answer(When::AfterEffect, failure(dice)),
            Fault::Status(500),
        ],
        spurious_successes(framing),
        nonsense(has_body),
        lengths(framing, has_body, dice),
        slow(request, framing, max_wait, dice),
        frames(request, has_body),
        [
            Endpoint::Refused,
            Endpoint::Removed,
            Endpoint::NotASocket,
            Endpoint::Replaced,
            Endpoint::Unresponsive,
        ]
        .map(Fault::Endpoint)
        .to_vec(),
    ]
}

fn breaks(positions: &[Position]) -> Vec<Fault> {
    let ways = [Break::Fin, Break::Reset, Break::Silence, Break::HalfClose];
    let all = positions
        .iter()
        .flat_map(|position| ways.map(|how| Fault::Break(*position, how)));
    all.collect()
}

fn positions_in_body(
    request: &Exchange,
    framing: Framing,
    has_body: bool,
    max_wait: Duration,
    dice: &mut Rng,
) -> Vec<Position> {
    // In these cases, the driver cannot distinguish a break from the end of the body.
    if framing == Framing::UntilClose || !has_body {
        return Vec::new();
    }
    let bytes = usize::try_from(request.bytes).unwrap_or(usize::MAX);
    let mut positions = vec![
        Position::AfterHead,
        Position::AfterBytes(dice.below(bytes) as u64),
        Position::After(max_wait.mul_f64(dice.share())),
    ];
    if framing == Framing::Chunked {
        positions.extend([
            Position::InChunkHead(0),
            Position::InChunk(0),
            Position::AfterChunk(0),
            Position::BeforeLastChunk,
        ]);
    }
    if has_frames(request) {
        positions.extend([
            Position::InFrameHead(0),
            Position::InFrame(0),
            Position::AfterFrame(0),
        ]);
    }
    positions
}

fn has_frames(request: &Exchange) -> bool {
    let path = &request.path;
    path.ends_with("/logs") || (path.contains("/exec/") && path.ends_with("/start"))
}

const HTML: &str = "<html><body>This is not the engine.</body></html>";

/// Builds a refusal with the HTTP status `status`. The body is missing, or the engine could not have sent it.
fn unexpected_body(status: u16, dice: &mut Rng) -> Answer {
    let answer = Answer::new(status);
    match dice.below(4) {
        0 => answer.header("Content-Type", "text/html").body(HTML),
        1 => answer,
        2 => answer
            .header("Content-Type", "application/json")
            .body("{\"message\":"),
        _ => answer.json(&serde_json::json!({"error": true})),
    }
}

/// Builds a refusal of a request that the engine never gets. A `HEAD` request never gets the status 404. Such a
/// response has no body, so the driver could not distinguish it from a response of the engine.
fn refusal(method: &str, dice: &mut Rng) -> Answer {
    let status = dice.pick(&[400, 401, 403, 404, 409, 429, 500, 502, 503, 504], 500);
    let status = if method == "HEAD" && status == 404 {
        502
    } else {
        status
    };
    unexpected_body(status, dice)
}

/// Builds a server error that is sent after the engine has acted on the request.
fn failure(dice: &mut Rng) -> Answer {
    let status = dice.pick(&[500, 502, 503, 504], 500);
    if dice.below(4) == 0 {
        return Answer::new(status).json(&serde_json::json!({"message": "something went wrong"}));
    }
    unexpected_body(status, dice)
}

/// Returns faults that give the driver a success response that the engine has not sent.
fn spurious_successes(framing: Framing) -> Vec<Fault> {
    let page = Answer::new(200).header("Content-Type", "text/html").body(HTML);
    let mut all = vec![
        Fault::Answer(When::Instead, page.clone()),
        Fault::Answer(When::AfterEffect, page),
    ];
    match framing {
        Framing::Upgraded => all.push(Fault::Status(200)),
        // This would be a correct response to a request whose response has no body.
        Framing::Empty => return all,
        _ => all.push(Fault::Answer(When::Instead, Answer::new(204))),
    }
    all.push(Fault::Answer(When::AfterEffect, Answer::new(204)));
    all
}

fn nonsense(has_body: bool) -> Vec<Fault> {
    let garbage: Vec<u8> = (0..=255).cycle().take(1000).collect();
    let mut answers = vec![
        Answer::raw(garbage),
        Answer::raw("HTTP/1.1 abc\r\n\r\n"),
        Answer::endless_head(),
    ];
    if has_body {
        answers.push(Answer::new(200).endless("[", "{\"Id\":\"again and again\"},".repeat(1000)));
    }
    let mut all: Vec<Fault> = answers
        .into_iter()
        .flat_map(|answer| [When::Instead, When::AfterEffect].map(|when| Fault::Answer(when, answer.clone())))
        .collect();
    all.push(Fault::HugeHeader(1024 * 1024));
    all
}

fn lengths(framing: Framing, has_body: bool, dice: &mut Rng) -> Vec<Fault> {
    if !has_body || matches!(framing, Framing::Upgraded | Framing::UntilClose) {
        return Vec::new();
    }
    let off = 1 + dice.below(3) as u64;
    let mut all = vec![Fault::Length(off as i64), Fault::Length(-(off as i64))];
    if framing == Framing::Chunked {
        all.push(Fault::ChunkLength(0, off));
    }
    all
}

fn slow(request: &Exchange, framing: Framing, max_wait: Duration, dice: &mut Rng) -> Vec<Fault> {
    let time = max_wait.mul_f64(dice.share() * 2.0);
    // The response takes at most twice `max_wait`: a stream that makes progress may take that long.
    let rate = (request.bytes + 1_000) as f64
        / max_wait
            .mul_f64(0.1 + dice.share() * 1.9)
            .as_secs_f64()
            .max(0.001);
    let mut all = vec![
        Fault::Delay(Stage::BeforeRequest, time),
        Fault::Delay(Stage::BeforeResponse, time),
        Fault::Throttle(rate as u64),
    ];
    if framing != Framing::Empty {
        all.push(Fault::Delay(Stage::EachChunk, time / 10));
        all.push(Fault::Pause {
            after: dice.pick(&[0, 1, 8, 100, 10_000], 0),
            time,
        });
    }
    if framing == Framing::Upgraded {
        all.push(Fault::CloseWrite);
    }
    all
}

fn frames(request: &Exchange, has_body: bool) -> Vec<Fault> {
    if !has_body || !has_frames(request) {
        return Vec::new();
    }
    vec![
        Fault::Frame(0, FrameField::Stream(9)),
        Fault::Frame(1, FrameField::Stream(255)),
        Fault::Frame(0, FrameField::Length(u32::MAX)),
    ]
}

/// A SplitMix64 random number generator. The algorithm never changes, so a seed always gives the same numbers.
struct Rng(u64);

impl Rng {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, count: usize) -> usize {
        let number = self.next() % (count.max(1) as u64);
        usize::try_from(number).unwrap_or_default()
    }

    /// Returns a random number that is at least 0 and less than 1.
    fn share(&mut self) -> f64 {
        self.below(1000) as f64 / 1000.0
    }

    fn pick<T: Copy>(&mut self, from: &[T], otherwise: T) -> T {
        from.get(self.below(from.len())).copied().unwrap_or(otherwise)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exchange(method: &str, path: &str, framing: Framing, bytes: u64) -> Exchange {
        let mut exchange = Exchange::new(method, path);
        exchange.answered(200, framing);
        exchange.bytes = bytes;
        exchange
    }

    fn requests() -> Vec<Exchange> {
        let id = "0123456789abcdef".repeat(4);
        vec![
            exchange(
                "GET",
                &format!("/v1.41/containers/{id}/json"),
                Framing::Chunked,
                5000,
            ),
            exchange("POST", &format!("/v1.41/exec/{id}/start"), Framing::Upgraded, 300),
            exchange("POST", "/v1.41/containers/web/start", Framing::Empty, 0),
        ]
    }

    fn plan(seed: u64) -> Plan {
        Plan::draw(seed, &requests(), Duration::from_secs(2)).unwrap()
    }

    #[test]
    fn plan_is_deterministic_and_prints_on_one_line() {
        for seed in 0..200 {
            let line = plan(seed).to_string();
            assert_eq!(plan(seed), plan(seed));
            assert!(line.starts_with(&format!("seed {seed}: request ")), "{line}");
            assert!(!line.contains('\n') && line.len() < 200, "{line}");
        }
        assert_eq!(Plan::draw(1, &[], Duration::from_secs(2)), None);
    }

    #[test]
    fn plans_cover_every_request_and_fault_kind() {
        let plans: Vec<Plan> = (0..3000).map(plan).collect();
        for index in 0..3 {
            assert!(plans.iter().any(|plan| plan.index == index));
        }
        let has = |condition: &dyn Fn(&Fault) -> bool| plans.iter().any(|plan| condition(&plan.fault));
        assert!(has(&|fault| matches!(
            fault,
            Fault::Break(Position::InFrame(_), Break::Reset)
        )));
        assert!(has(&|fault| matches!(
            fault,
            Fault::Break(Position::BeforeLastChunk, Break::Fin)
        )));
        assert!(has(&|fault| matches!(fault, Fault::Answer(When::AfterEffect, _))));
        assert!(has(&|fault| matches!(fault, Fault::Answer(When::Instead, _))));
        assert!(has(&|fault| matches!(fault, Fault::Status(200))));
        assert!(has(&|fault| matches!(fault, Fault::HugeHeader(_))));
        assert!(has(&|fault| matches!(fault, Fault::Length(..0))));
        assert!(has(&|fault| matches!(fault, Fault::ChunkLength(..))));
        assert!(has(&|fault| matches!(fault, Fault::Frame(..))));
        assert!(has(&|fault| matches!(fault, Fault::Delay(..))));
        assert!(has(&|fault| matches!(fault, Fault::Throttle(_))));
        assert!(has(&|fault| matches!(fault, Fault::Pause { .. })));
        assert!(has(&|fault| matches!(fault, Fault::CloseWrite)));
        assert!(has(&|fault| matches!(fault, Fault::Endpoint(Endpoint::Replaced))));
    }

    #[test]
    fn undetectable_faults_are_not_drawn() {
        let requests = [
            exchange("POST", "/containers/web/start", Framing::Empty, 0),
            exchange("GET", "/containers/web/attach", Framing::UntilClose, 100),
        ];
        for seed in 0..3000 {
            let plan = Plan::draw(seed, &requests, Duration::from_secs(2)).unwrap();
            let undetectable = match &plan.fault {
                Fault::Answer(_, answer) => plan.index == 0 && *answer == Answer::new(204),
                Fault::Break(Position::AfterBytes(_) | Position::After(_), Break::Fin) => plan.index == 1,
                _ => false,
            };
            assert!(!undetectable, "{plan}");
        }
    }
}
