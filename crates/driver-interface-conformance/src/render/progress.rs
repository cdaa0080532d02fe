//! Output of the progress while the suite runs.

use std::io::Write;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use driver_interface_types::Capability;

use super::escape::line;
use super::matrix::legend_of;
use super::style::{Style, Tone, seconds};
use crate::{Check, CheckReport, DriverReport, Observer, Outcome, Summary, areas};

/// An observer that prints a line for each area when the area's last check has finished. On a terminal, the observer
/// also shows a line with the running checks, which changes as checks start and finish.
pub struct Progress {
    style: Style,
    live: bool,
    state: Mutex<State>,
}

struct State {
    out: Box<dyn Write + Send>,
    began: Instant,
    title: String,
    time: Option<String>,
    areas: Vec<Area>,
    running: Vec<&'static str>,
    width: usize,
    total: usize,
    done: usize,
}

struct Area {
    name: &'static str,
    planned: usize,
    done: Vec<CheckReport>,
}

/// The maximum length, in characters, of the line that shows the running checks. Such a line also fits on a narrow
/// terminal.
const LIVE_WIDTH: usize = 78;

impl Progress {
    /// Creates an observer that prints to `out`. `color` enables colours; `live` enables the
    /// line that shows the running checks.
    pub fn new(out: Box<dyn Write + Send>, color: bool, live: bool) -> Self {
        let state = State {
            out,
            began: Instant::now(),
            title: String::new(),
            time: None,
            areas: Vec::new(),
            running: Vec::new(),
            width: 0,
            total: 0,
            done: 0,
        };
        Self {
            style: Style::new(color),
            live,
            state: Mutex::new(state),
        }
    }

    /// Runs `work`, which prints something. Write errors are ignored, because they must not stop a run.
    fn with(&self, work: impl FnOnce(&mut State) -> std::io::Result<()>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = work(&mut state);
        let _ = state.out.flush();
    }

    fn draw(&self, state: &mut State) -> std::io::Result<()> {
        if !self.live || state.done == state.total {
            return Ok(());
        }
        let elapsed = u64::try_from(state.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        let text = format!(
            "{}/{}  {}  {}",
            state.done,
            state.total,
            seconds(elapsed),
            state.running.join("  ")
        );
        let text: String = text.chars().take(LIVE_WIDTH).collect();
        write!(state.out, "\r\u{1b}[2K  {}", self.style.dim(&text))
    }

    fn erase(&self, state: &mut State) -> std::io::Result<()> {
        if self.live {
            write!(state.out, "\r\u{1b}[2K")
        } else {
            Ok(())
        }
    }

    fn area_line(&self, area: &Area, width: usize) -> String {
        let mut done: Vec<&CheckReport> = area.done.iter().collect();
        done.sort_by(|one, other| one.id.cmp(&other.id));
        let symbols: String = done
            .iter()
            .map(|check| {
                self.style
                    .tone(Tone::of_check(check), &check.symbol().to_string())
            })
            .collect();
        let padding = " ".repeat(width.saturating_sub(area.planned));
        let summary = Summary::of(&area.done);
        let mut text = format!("{}/{}", summary.passed, summary.total);
        for (outcome, count) in summary.counts() {
            if outcome != Outcome::Passed {
                text.push_str(&self.style.outcome(outcome, &format!("  {count} {outcome}")));
            }
        }
        let spent = area.done.iter().map(|check| check.duration_ms).sum();
        format!(
            "  {:<13} {symbols}{padding}  {text}  {}",
            area.name,
            self.style.dim(&seconds(spent))
        )
    }
}

/// Formats the capabilities that a driver declares, as in `53 of 55 capabilities; not: disk_limit, host_network`. The
/// checks that require one of the undeclared capabilities will be skipped.
fn declared(driver: &DriverReport) -> String {
    let declared = &driver.capabilities;
    let missing: Vec<String> = Capability::all()
        .filter(|capability| !declared.supports(*capability))
        .map(|capability| capability.to_string())
        .collect();
    let counts = format!(
        "{} of {} capabilities",
        declared.declared().count(),
        Capability::all().count()
    );
    if missing.is_empty() {
        return counts;
    }
    format!("{counts}; not: {}", missing.join(", "))
}

impl Observer for Progress {
    fn repetition_started(&self, number: usize, times: usize, seed: u64) {
        self.with(|state| {
            state.time = Some(format!("time {number} of {times}, seed {seed}"));
            Ok(())
        });
    }

    fn run_started(&self, driver: &DriverReport, checks: &[Check]) {
        self.with(|state| {
            state.began = Instant::now();
            (state.done, state.total) = (0, checks.len());
            state.areas = areas(checks)
                .into_iter()
                .map(|name| Area {
                    name,
                    planned: checks.iter().filter(|check| check.area() == name).count(),
                    done: Vec::new(),
                })
                .collect();
            state.width = state.areas.iter().map(|area| area.planned).max().unwrap_or(0);
            let title = format!(
                "{}  {}",
                self.style.bold(&line(&driver.uri)),
                line(&driver.title())
            );
            if state.title.is_empty() {
                let legend = format!(
                    "one symbol per check: {}\nan area's time is the sum over its concurrent checks; a mock's time is simulated",
                    legend_of(|_| true)
                );
                writeln!(state.out, "{}\n", self.style.dim(&legend))?;
            }
            // In a repeated run, the title has already been printed.
            if state.title != title {
                writeln!(state.out, "{title}\n  {}", self.style.dim(&declared(driver)))?;
                state.title = title;
            }
            if let Some(time) = state.time.take() {
                writeln!(state.out, "  {}", self.style.bold(&time))?;
            }
            self.draw(state)
        });
    }

    fn check_started(&self, check: &Check) {
        self.with(|state| {
            state.running.push(check.id);
            self.draw(state)
        });
    }

    fn check_finished(&self, report: &CheckReport) {
        self.with(|state| {
            state.done += 1;
            state.running.retain(|id| *id != report.id);
            self.erase(state)?;
            if report.outcome.is_problem() {
                let word = self.style.outcome(report.outcome, &report.outcome.to_string());
                writeln!(state.out, "  {word}  {}", report.id)?;
            }
            let width = state.width;
            if let Some(area) = state.areas.iter_mut().find(|area| area.name == report.area()) {
                area.done.push(report.clone());
                if area.done.len() == area.planned {
                    let text = self.area_line(area, width);
                    writeln!(state.out, "{text}")?;
                }
            }
            self.draw(state)
        });
    }

    fn run_finished(&self, driver: &DriverReport) {
        self.with(|state| {
            self.erase(state)?;
            writeln!(
                state.out,
                "  {} in {}",
                driver.summary.line(),
                seconds(driver.wall_ms)
            )
        });
    }
}
