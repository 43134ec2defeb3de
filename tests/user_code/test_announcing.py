"""The one line that tells what was stored: on the error stream, in the log, and beside the bars of tqdm."""

from __future__ import annotations

import io
import logging
import sys

import pytest

from gaitmap_results.user_code.announcing import announce


def test_control_characters_are_escaped(capsys):
    """A path with an escape sequence in it cannot command the terminal."""
    announce("Saved debug run to /tmp/bad\x1b[2J")
    assert capsys.readouterr().err == "Saved debug run to /tmp/bad\\x1b[2J\n"


def test_a_program_that_logs_gets_it_in_its_log(caplog, capsys):
    """Where logging is set up at the level INFO, the line is logged and not printed."""
    with caplog.at_level(logging.INFO, "gaitmap_results"):
        announce("Saved")
    assert caplog.messages == ["Saved"]
    assert capsys.readouterr().err == ""


class Broken(io.StringIO):
    """An error stream that raises what no stream should."""

    def write(self, text: str) -> int:
        raise RuntimeError(text)


@pytest.mark.parametrize("stream", [None, Broken()], ids=["none", "broken"])
def test_a_stream_that_cannot_be_written_costs_nothing(stream, monkeypatch):
    """The run is stored already: a missing or broken error stream is no reason to raise."""
    monkeypatch.setattr(sys, "stderr", stream)
    announce("Saved")


@pytest.mark.parametrize("stream", [sys.stderr, Broken()], ids=["whole", "broken"])
def test_a_log_that_cannot_be_written_costs_nothing(stream, monkeypatch, caplog):
    """A handler of the user's that raises, as a closed capture does, is no reason to raise either."""

    class Gone(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            raise RuntimeError("the capture is closed")

    monkeypatch.setattr(sys, "stderr", stream)
    handler = Gone()
    logging.getLogger("gaitmap_results").addHandler(handler)
    try:
        with caplog.at_level(logging.INFO, "gaitmap_results"):
            announce("Saved")
    finally:
        logging.getLogger("gaitmap_results").removeHandler(handler)


def test_an_open_bar_of_tqdm_is_not_written_into(monkeypatch):
    """The line stands alone, and the bar is drawn again below it."""
    tqdm = pytest.importorskip("tqdm").tqdm
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    with tqdm(total=3, file=stream, mininterval=0) as bar:
        bar.update()
        announce("Saved debug run to results")
    written = stream.getvalue()
    # A line on a terminal is what was written after the last return to its beginning.
    lines = [line.rpartition("\r")[2].rstrip() for line in written.split("\n")]
    assert "Saved debug run to results" in lines
