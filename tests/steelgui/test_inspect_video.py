"""Videos at the command line."""

from __future__ import annotations

import json
import subprocess
import sys
import wave
from pathlib import Path

import av
import numpy as np
import pytest
from clips import CODECS, make_clip
from commandline import run
from PIL import Image

from models.imagefile import ImageError
from steelgui.history import History
from steelgui.services.videos import VideoError, read_frames
from steelgui.settings import Settings, assets_folder


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One second of scratches, then one of clean steel."""
    return make_clip(tmp_path_factory.mktemp("clips") / "line 3.mp4")


@pytest.mark.parametrize("suffix", CODECS)
def test_every_container_is_read(suffix: str, tmp_path: Path) -> None:
    frames = list(read_frames(make_clip(tmp_path / f"clip{suffix}", each=3)))
    assert [frame.number for frame in frames] == list(range(6))
    assert [frame.seconds for frame in frames] == pytest.approx([0, 0.1, 0.2, 0.3, 0.4, 0.5], abs=0.002)
    first, last = frames[0].image, frames[-1].image
    assert first.shape == (200, 200, 3) and first.dtype == np.uint8
    assert np.abs(first.astype(int) - last).mean() > 5, "the second picture never came"


def test_frames_are_chosen_by_number_or_by_time(clip: Path) -> None:
    assert [frame.number for frame in read_frames(clip, every=7)] == [0, 7, 14]
    assert [frame.number for frame in read_frames(clip, per_second=2)] == [0, 5, 10, 15]
    assert len(list(read_frames(clip, per_second=30))) == 20, "there are no more than it has"
    assert [frame.number for frame in read_frames(clip, per_second=0.1)] == [0]


def test_a_telephones_video_stands_upright(tmp_path: Path) -> None:
    lying, turned = make_clip(tmp_path / "lying.mp4", (7,), 1), tmp_path / "turned.mp4"
    with av.open(str(lying)) as source, av.open(str(turned), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        stream.set_display_rotation(90)
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    (was,), (now,) = read_frames(lying), read_frames(turned)
    assert np.array_equal(now.image, np.rot90(was.image))


def test_one_line_a_frame_with_its_time(clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home, out = tmp_path / "home", tmp_path / "out"
    words = ("inspect", clip, "--json", "--fps", 2, "--record", "--out", out, "--home", home, "--fail-on-defect")
    code, told, said = run(capsys, *words)
    assert code == 1 and not said
    lines = [json.loads(line) for line in told.splitlines()]
    assert [(line["frame"], line["time"]) for line in lines] == [(0, 0.0), (5, 0.5), (10, 1.0), (15, 1.5)]
    assert [line["label"] for line in lines] == ["scratches", "scratches", "none", "none"]
    assert {line["path"] for line in lines} == {str(clip)}
    names = ["line 3-000000.png", "line 3-000005.png", "line 3-000010.png", "line 3-000015.png"]
    assert sorted(path.name for path in out.iterdir()) == names
    assert Image.open(out / names[0]).size == (200, 200)
    history = History(Settings(home=home))
    rows = history.latest(9)
    history.close()
    assert [row.name for row in reversed(rows)] == [f"line 3.mp4 {time:.2f} s" for time in (0, 0.5, 1, 1.5)]
    assert {row.source for row in rows} == {"video"} and all(row.original.is_file() for row in rows)


def test_pictures_and_videos_side_by_side(clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    picture = assets_folder() / "samples" / "11-tile-clean.jpg"
    code, told, said = run(
        capsys, "inspect", picture, tmp_path / "gone.mp4", clip, "--every", 19, "--home", tmp_path / "home"
    )
    assert code == 1 and "gone.mp4: there is no such file" in said and "1 of 3 files" in said
    starts = [line.partition(": ")[0] for line in told.splitlines()]
    assert starts == [str(picture), f"{clip} 0.00 s", f"{clip} 1.90 s"]


def test_what_is_no_video_says_so(clip: Path, tmp_path: Path) -> None:
    nonsense, cut, sound = tmp_path / "notes.mp4", tmp_path / "cut.mp4", tmp_path / "sound.mkv"
    nonsense.write_bytes(b"these are notes, and no video")
    cut.write_bytes(clip.read_bytes()[: clip.stat().st_size // 3])
    with wave.open(str(sound), "wb") as written:
        written.setparams((1, 2, 8000, 0, "NONE", ""))
        written.writeframes(bytes(16000))
    for path, said in ((nonsense, "cannot be read"), (cut, "cannot be read"), (sound, "no video in this file")):
        with pytest.raises(VideoError, match=said):
            list(read_frames(path))
    with pytest.raises(VideoError, match="no such file"):
        next(read_frames(tmp_path))


def test_frames_that_are_too_small_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "tiny.avi"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=5)
        stream.width = stream.height = 8
        stream.pix_fmt = "yuv420p"
        container.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((8, 8, 3), dtype=np.uint8), format="rgb24")))
        container.mux(stream.encode())
    with pytest.raises(ImageError, match=r"tiny\.avi: 8×8 is too small"):
        next(read_frames(path))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--every", 0), "--every: give 1 or more"),
        (("--fps", 0), "--fps: give a number"),
        (("--fps", "nan"), "--fps: give a number"),
        (("--every", 2, "--fps", 2), "not allowed with"),
    ],
)
def test_wrong_usage(words: tuple[object, ...], said: str, clip: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, told = run(capsys, "inspect", clip, *words)
    assert code == 2 and said in told


def test_flags_of_videos_need_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, told = run(capsys, "inspect", assets_folder() / "samples", "--fps", 1, "--home", tmp_path)
    assert code == 2 and "are for videos" in told


def test_the_page_and_the_command_start_without_the_video_library(tmp_path: Path) -> None:
    """PyAV is an extra: without it a video's error says what to do."""
    code = f"""
import sys
sys.modules["av"] = None
from pathlib import Path
from steelgui.cli import main
from steelgui.services.workbench import Workbench
from steelgui.settings import Settings
from steelgui.live import live_routes
live_routes(Workbench(Settings(home=Path({str(tmp_path)!r}))))
clip = Path({str(tmp_path)!r}) / "clip.mp4"
clip.touch()
print(main(["inspect", str(clip)]))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("1\n") and "pip install 'steelgui[video]'" in done.stderr
