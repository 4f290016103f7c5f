"""A process that writes to a database: started by test_processes.py, which may kill it at any moment.

    writer_program.py URL NAME COUNT

COUNT revocations, 4 in flight. Each acknowledged one is printed, in a line of its own.
"""

import asyncio
import os
import sys

from mapae.storage import revocations
from mapae.storage.database import open_database


async def main(url, name, count):
    database = await open_database(url)
    numbers = iter(range(count))

    async def committer():
        for number in numbers:
            key = f"{name}-{number}"
            await database.commit(*revocations.entry_statements("session", key, value=0, until=2**40, now_ms=number))
            os.write(1, f"{key}\n".encode())

    await asyncio.gather(*(committer() for _ in range(4)))
    await database.close()


asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
