"""The local model in its own process, with the files that `[embed]` installs."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio

from appliance.errors import EmbeddingFailed
from appliance.providers.embedding import local as local_module
from appliance.providers.embedding.local import Local
from appliance.providers.embedding.local_files import LocalModel, NotInstalled, find
from tests.providers.embedding.replies import cosine
from tests.providers.embedding.tiny_model import write_tiny_model


@asynccontextmanager
async def running(model: LocalModel | None = None, *, idle_s: float = 60) -> AsyncIterator[Local]:
    local = Local(model or find(""), idle_s=idle_s)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(local.run)
        yield local
        nursery.cancel_scope.cancel()


async def gone(pid: int) -> None:
    """Until the process has ended."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        await trio.lowlevel.wait_readable(handle)
    finally:
        os.close(handle)


async def test_questions_are_near_to_what_answers_them() -> None:
    passages = [
        "To get your money back, send the goods to us within thirty days.",
        "The office is closed on public holidays.",
        "Bananas grow in bunches and turn yellow when they ripen.",
    ]
    async with running() as local:
        (question,) = await local.embed(["How do refunds work?"], purpose="query")
        found = [cosine(question, vector) for vector in await local.embed(passages)]
    assert found[0] > local.threshold > max(found[1:])
    assert local.dimensions == 384
    assert len(question) == 4 * 384
    assert cosine(question, question) == pytest.approx(1, abs=1e-5)


async def test_vectors_come_in_the_order_of_the_texts_however_they_are_batched() -> None:
    texts = [
        f"{word} {'and so on ' * repeats}" for repeats, word in enumerate(["sea", "wine", "snow", "tax"])
    ]
    texts = [*texts, "", "sea"]
    async with running() as local:
        together = await local.embed(texts)
        alone = [(await local.embed([text]))[0] for text in texts]
    assert [round(cosine(a, b), 3) for a, b in zip(together, alone, strict=True)] == [1.0] * len(texts)


async def test_nothing_of_a_long_text_is_unseen() -> None:
    filler = "The committee met on Tuesday and discussed the agenda of the next meeting. "
    end = "A volcano erupted and the lava buried the village. " * 30
    async with running() as local:
        long, longer = await local.embed([filler * 60, filler * 60 + end])
        (volcano,) = await local.embed(["volcanic eruption"], purpose="query")
    assert cosine(volcano, longer) > cosine(volcano, long) + 0.1


async def test_nothing_is_unseen_where_nearly_every_character_is_a_word_piece() -> None:
    signs = "% & ( ) " * 80
    end = "A volcano erupted and the lava buried the village. " * 7
    assert len(signs + end) < local_module.REQUEST_CHARACTERS_MAX
    async with running() as local:
        without, with_end = await local.embed([signs, signs + end])
        (volcano,) = await local.embed(["volcanic eruption"], purpose="query")
    assert cosine(volcano, with_end) > cosine(volcano, without) + 0.1


async def test_the_process_ends_when_idle_and_starts_again() -> None:
    async with running(idle_s=0) as local:
        await local.embed(["one"])
        with trio.fail_after(60):
            while (first := local.pid) is not None:
                await gone(first)
        assert len(await local.embed(["two"])) == 1


async def test_a_process_that_dies_is_replaced_while_somebody_waits() -> None:
    async with running() as local:
        before = await local.embed(["one"])
        first = local.pid
        assert first is not None
        os.kill(first, signal.SIGKILL)
        await gone(first)
        assert await local.embed(["one"]) == before
        assert local.pid not in (None, first)


async def test_a_process_that_hangs_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    async with running() as local:
        before = await local.embed(["one"])
        first = local.pid
        assert first is not None
        os.kill(first, signal.SIGSTOP)
        monkeypatch.setattr(local_module, "ANSWER_TIMEOUT_S", 1.0)

        async def patient_again() -> None:
            await gone(first)
            monkeypatch.setattr(local_module, "ANSWER_TIMEOUT_S", 60.0)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(patient_again)
            assert await local.embed(["one"]) == before


async def test_a_text_that_kills_two_processes_fails_and_the_next_is_served(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with running() as local:
        await local.embed(["one"])
        monkeypatch.setattr(local_module, "ANSWER_TIMEOUT_S", 0.0)
        with pytest.raises(EmbeddingFailed, match="started twice"):
            await local.embed(["two"])
        monkeypatch.setattr(local_module, "ANSWER_TIMEOUT_S", 60.0)
        assert len(await local.embed(["three"])) == 1


async def test_a_question_goes_before_documents_that_wait() -> None:
    ended: list[str] = []
    async with running() as local:
        await local.embed(["warm"])

        async def document() -> None:
            await local.embed(["The quarterly report says that sales went up. " * 20])
            ended.append("document")

        async with trio.open_nursery() as nursery:
            for _ in range(8):
                nursery.start_soon(document)
            await trio.testing.wait_all_tasks_blocked()
            await local.embed(["how were sales?"], purpose="query")
            ended.append("question")
    # One or two were with the process already.
    assert ended.index("question") <= 2
    assert len(ended) == 9


async def test_a_question_does_not_wait_for_a_whole_document() -> None:
    ended: list[str] = []
    async with running() as local:
        await local.embed(["warm"])

        async def document() -> None:
            await local.embed(["The quarterly report says that sales went up. " * 250])
            ended.append("document")

        async with trio.open_nursery() as nursery:
            nursery.start_soon(document)
            await trio.testing.wait_all_tasks_blocked()
            await local.embed(["how were sales?"], purpose="query")
            ended.append("question")
    assert ended == ["question", "document"]


async def test_who_goes_away_disturbs_nobody() -> None:
    async with running() as local:
        await local.embed(["warm"])
        first = local.pid
        with trio.move_on_after(0):
            await local.embed(["left behind"])
        assert len(await local.embed(["next"])) == 1
        assert local.pid == first


async def test_who_waits_when_the_server_stops_is_told() -> None:
    told: list[str] = []

    async def ask(local: Local) -> None:
        try:
            await local.embed(["x" * 2000] * 50)
        except EmbeddingFailed as error:
            told.append(error.text)

    async with trio.open_nursery() as nursery, running() as local:
        await local.embed(["warm"])
        nursery.start_soon(ask, local)
        await trio.testing.wait_all_tasks_blocked()
    with pytest.raises(EmbeddingFailed, match="stopping"):
        await local.embed(["late"])
    assert "stopping" in told[0]


async def test_any_model_in_a_folder_is_served(tmp_path: Path) -> None:
    folder = tmp_path / "my-model"
    write_tiny_model(folder, output="last_hidden_state")
    model = find(str(folder))
    assert model.dimensions is None
    async with running(model) as local:
        red, blue, both = await local.embed(["red", "blue", "red blue"])
        assert local.dimensions == 3
    assert local.model == "my-model"
    assert (cosine(red, both), cosine(red, blue)) == pytest.approx((0.7071, 0), abs=1e-3)


async def test_a_model_that_makes_a_sentences_vector_itself_is_believed(tmp_path: Path) -> None:
    write_tiny_model(tmp_path / "m", output="sentence_embedding")
    async with running(find(str(tmp_path / "m"))) as local:
        (red,), (both,) = await local.embed(["red"]), await local.embed(["red blue"])
    assert cosine(red, both) == pytest.approx(0.7071, abs=1e-3)


async def test_a_model_is_known_by_its_files_and_not_by_its_place(tmp_path: Path) -> None:
    write_tiny_model(tmp_path / "a" / "m", output="last_hidden_state")
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    one, same = (Local(find(str(tmp_path / place / "m"))).key for place in "ab")
    write_tiny_model(tmp_path / "b" / "m", output="sentence_embedding")
    assert one == same != Local(find(str(tmp_path / "b" / "m"))).key


async def test_a_file_that_is_no_model_is_told(tmp_path: Path) -> None:
    write_tiny_model(tmp_path, output="last_hidden_state")
    (tmp_path / "model.onnx").write_bytes(b"nonsense" * 100)
    async with running(find(str(tmp_path))) as local:
        with pytest.raises(EmbeddingFailed, match="local model"):
            await local.embed(["x"])
        assert local.pid is None


async def test_installed_files_that_were_changed_are_refused(tmp_path: Path) -> None:
    model = find("")
    words = tmp_path / "tokenizer.json"
    shutil.copy(model.words, words)
    with words.open("a") as opened:
        opened.write(" ")
    changed = LocalModel(
        model=model.model,
        words=str(words),
        name=model.name,
        print=model.print,
        model_sha256=model.model_sha256,
        words_sha256=model.words_sha256,
    )
    async with running(changed) as local:
        with pytest.raises(EmbeddingFailed, match=r"tokenizer\.json is not the file that it should be"):
            await local.embed(["x"])


def test_a_folder_without_a_model_is_told(tmp_path: Path) -> None:
    with pytest.raises(NotInstalled, match="APPLIANCE_EMBEDDING_MODEL_PATH"):
        find(str(tmp_path))
    with pytest.raises(NotInstalled, match="APPLIANCE_EMBEDDING_MODEL_PATH"):
        find(str(tmp_path / "nowhere"))


async def test_the_process_knows_no_secret_of_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-very-secret")
    async with running() as local:
        await local.embed(["x"])
        environment = await trio.Path(f"/proc/{local.pid}/environ").read_bytes()
    assert b"sk-very-secret" not in environment
