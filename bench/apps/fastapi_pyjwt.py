"""OAuth2 with password and bearer JWT, in the shape of FastAPI's tutorial: users in a dict, PyJWT, one route for me."""

import json
import os
import secrets
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import jwt
from fastapi import Depends, FastAPI, HTTPException, status
from fastapi.security import OAuth2PasswordBearer, OAuth2PasswordRequestForm
from jwt.exceptions import InvalidTokenError
from pwdlib import PasswordHash
from pwdlib.hashers.bcrypt import BcryptHasher
from pydantic import BaseModel

SECRET_KEY = secrets.token_hex(32)
ALGORITHM = "HS256"
LIFETIME = timedelta(seconds=int(os.environ["BENCH_LIFETIME"]))
_people = json.loads((Path(os.environ["BENCH_FOLDER"]) / "people.json").read_text())


class Token(BaseModel):
    access_token: str
    token_type: str


class User(BaseModel):
    username: str
    email: str | None = None
    full_name: str | None = None
    disabled: bool | None = None


class UserInDB(User):
    hashed_password: str


users_db = {
    email: {
        "username": email,
        "email": email,
        "full_name": "",
        "disabled": False,
        "hashed_password": _people["password_hash"],
    }
    for email in _people["emails"]
}
password_hash = PasswordHash((BcryptHasher(rounds=12),))
decoy_hash = _people["password_hash"]
oauth2_scheme = OAuth2PasswordBearer(tokenUrl="token")
app = FastAPI()


def get_user(username: str) -> UserInDB | None:
    return UserInDB(**users_db[username]) if username in users_db else None


def authenticate_user(username: str, password: str) -> UserInDB | None:
    user = get_user(username)
    if user is None:
        password_hash.verify(password, decoy_hash)
        return None
    return user if password_hash.verify(password, user.hashed_password) else None


def create_access_token(claims: dict[str, str]) -> str:
    return jwt.encode({**claims, "exp": datetime.now(UTC) + LIFETIME}, SECRET_KEY, algorithm=ALGORITHM)


async def get_current_user(token: Annotated[str, Depends(oauth2_scheme)]) -> UserInDB:
    refused = HTTPException(
        status_code=status.HTTP_401_UNAUTHORIZED,
        detail="Could not validate credentials",
        headers={"WWW-Authenticate": "Bearer"},
    )
    try:
        username = jwt.decode(token, SECRET_KEY, algorithms=[ALGORITHM]).get("sub")
    except InvalidTokenError:
        raise refused from None
    user = get_user(username) if username is not None else None
    if user is None:
        raise refused
    return user


async def get_current_active_user(current_user: Annotated[User, Depends(get_current_user)]) -> User:
    if current_user.disabled:
        raise HTTPException(status_code=400, detail="Inactive user")
    return current_user


@app.post("/token")
async def login(form: Annotated[OAuth2PasswordRequestForm, Depends()]) -> Token:
    user = authenticate_user(form.username, form.password)
    if user is None:
        raise HTTPException(status_code=status.HTTP_401_UNAUTHORIZED, detail="Incorrect username or password")
    return Token(access_token=create_access_token({"sub": user.username}), token_type="bearer")


@app.get("/users/me/")
async def read_users_me(current_user: Annotated[User, Depends(get_current_active_user)]) -> User:
    return current_user
