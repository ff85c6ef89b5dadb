"""DirectoryService: names the endpoint a client asks for."""
from fastapi import FastAPI
from mangum import Mangum

app = FastAPI()


@app.get("/")
async def root(q: str):
    return {"endpoint": f"{q}"}


lambda_handler = Mangum(app)
