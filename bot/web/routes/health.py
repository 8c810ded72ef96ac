"""Whether the server lives, and whether it can answer."""

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from bot.web.state import state_of
from store.errors import CitewireError

router = APIRouter(tags=["health"])


@router.get("/healthz", summary="The process lives; never touches the model")
async def healthz() -> dict[str, str]:
    return {"status": "ok"}


@router.get("/readyz", summary="Questions can be answered; names the part that fails")
def readyz(request: Request) -> JSONResponse:
    state = state_of(request)
    status = state.desk.status
    parts: dict[str, Any] = {"library": "ok", "model": "ok"}
    if status.state == "empty":
        parts["library"] = "empty"
    elif status.state != "ready":
        parts[status.failed or "model"] = status.message or status.state
    else:
        try:
            engine = state.desk.session.engine.status()
            if engine.state in ("absent", "error"):
                parts["model"] = engine.detail or engine.state
        except CitewireError as error:
            parts["model"] = str(error)
    ready = all(part == "ok" for part in parts.values())
    return JSONResponse({"ready": ready, "parts": parts}, 200 if ready else 503)
