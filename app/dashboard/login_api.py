"""Logging in and out, and who somebody is."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, HTTPException, Request, Response
from pydantic import BaseModel, Field

import ghostpose
from app.dashboard.access import COOKIE, TheContext, Viewer, check_token
from app.dashboard.context import Context
from app.dashboard.sessions import SESSION_S
from app.dashboard.tokens import MAX_TOKEN_CHARS, Identity, Role
from ghostpose.skeleton import KEYPOINTS, LIMBS, TREE_LIMBS

router = APIRouter(prefix="/api", tags=["login"])


class Login(BaseModel):
    """A token."""

    token: Annotated[str, Field(min_length=1, max_length=MAX_TOKEN_CHARS)]


class Me(BaseModel):
    """Who asks, and what the page needs to know once.

    `has_store`: more of the past is known than the streams hold; `limbs`: key points to join.
    """

    name: str
    role: Role
    needs_login: bool
    has_store: bool
    version: str
    keypoints: tuple[str, ...]
    limbs: tuple[tuple[int, int], ...]


@router.post("/login")
def login(request: Request, given: Login, response: Response, context: TheContext) -> Me:
    """Log in by a token: the answer's cookie does for the next twelve hours."""
    if context.is_open:
        raise HTTPException(409, "this dashboard has no tokens: nobody has to log in")
    identity = check_token(request, given.token)
    if identity is None:
        raise HTTPException(401, "this token is not right")
    response.set_cookie(
        COOKIE,
        context.sessions.open(identity),
        max_age=int(SESSION_S),
        secure=True,
        httponly=True,
        samesite="strict",
    )
    return _me(identity, context)


@router.post("/logout", status_code=204)
def logout(request: Request, response: Response, context: TheContext) -> None:
    """Log out."""
    context.sessions.close(request.cookies.get(COOKIE, ""))
    response.delete_cookie(COOKIE, secure=True, httponly=True, samesite="strict")


@router.get("/me")
def me(identity: Viewer, context: TheContext) -> Me:
    """Tell who asks."""
    return _me(identity, context)


def _me(identity: Identity, context: Context) -> Me:
    return Me(
        name=identity.name,
        role=identity.role,
        needs_login=not context.is_open,
        has_store=context.store is not None,
        version=ghostpose.__version__,
        keypoints=KEYPOINTS,
        limbs=tuple((LIMBS[index].start, LIMBS[index].end) for index in TREE_LIMBS),
    )
