# Run it on port 8000, open http://localhost:8000/auth/sign-up, then http://localhost:8000/hello or /docs.
from typing import Annotated

from fastapi import Depends, FastAPI

from mapae.fastapi import Mapae, Principal

auth = Mapae.embedded(issuer="http://localhost:8000/auth", data="mapae-data")
app = FastAPI(title="Example")
auth.init(app)


@app.get("/hello")
async def hello(user: Annotated[Principal, Depends(auth)]) -> dict[str, str]:
    return {"account": user.account_id}


@app.get("/admin")
async def admin(user: Annotated[Principal, auth.require("admin")]) -> dict[str, list[str]]:
    return {"scopes": sorted(user.scopes)}
