"""Eval runs over HTTP, read from their files; see bot/web/runs.py."""

from typing import Any

from fastapi import APIRouter, Request

from bot.web.runs import find_runs, read_run
from bot.web.state import state_of

router = APIRouter(prefix="/api/evals", tags=["evals"])


@router.get("", summary="List eval runs, newest first")
def listed(request: Request) -> dict[str, Any]:
    return {"runs": find_runs(state_of(request).runs)}


@router.get("/{name}", summary="One run: figures by model, and every wrong answer")
def read(name: str, request: Request) -> dict[str, Any]:
    return read_run(state_of(request).runs, name)
