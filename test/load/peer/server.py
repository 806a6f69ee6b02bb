"""A plain server for pytest-monitor, as one writes it with Flask and SQLAlchemy: each request is a transaction of a SQLite file.

The load test compares the bridge with it. It has the routes of monitor-server-api that pytest-monitor posts to, and the lists
of metrics and sessions. The driver decides how SQLite writes: a rollback journal with synchronous=FULL.
"""

import os

from flask import Flask, jsonify, request
from sqlalchemy import JSON, ForeignKey, create_engine, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

PAGE = 500


class Base(DeclarativeBase):
    pass


class Context(Base):
    __tablename__ = "contexts"
    h: Mapped[str] = mapped_column(primary_key=True)
    cpu_count: Mapped[int]
    cpu_frequency: Mapped[float]
    cpu_type: Mapped[str]
    cpu_vendor: Mapped[str]
    ram_total: Mapped[int]
    machine_node: Mapped[str]
    machine_type: Mapped[str]
    machine_arch: Mapped[str]
    system_info: Mapped[str]
    python_info: Mapped[str]


class TestSession(Base):
    __tablename__ = "sessions"
    session_h: Mapped[str] = mapped_column(primary_key=True)
    run_date: Mapped[str]
    scm_ref: Mapped[str]
    description: Mapped[dict] = mapped_column(JSON)


class Metric(Base):
    __tablename__ = "metrics"
    id: Mapped[int] = mapped_column(primary_key=True)
    session_h: Mapped[str] = mapped_column(ForeignKey("sessions.session_h"), index=True)
    context_h: Mapped[str] = mapped_column(ForeignKey("contexts.h"), index=True)
    item_start_time: Mapped[str]
    item_path: Mapped[str]
    item: Mapped[str]
    item_variant: Mapped[str]
    item_fs_loc: Mapped[str]
    kind: Mapped[str]
    component: Mapped[str]
    total_time: Mapped[float]
    user_time: Mapped[float]
    kernel_time: Mapped[float]
    cpu_usage: Mapped[float]
    mem_usage: Mapped[float]


engine = create_engine("sqlite:///" + os.environ["PEER_DATABASE"])
app = Flask(__name__)


def fields(row):
    """Returns what goes over the wire of a row."""
    return {column.name: getattr(row, column.name) for column in row.__table__.columns if column.name != "id"}


def add(kind):
    """Stores the body of the request, and answers 201 when it is committed."""
    body = request.get_json()
    try:
        wanted = {c.name: body[c.name] for c in kind.__table__.columns if c.name != "id"}
    except (KeyError, TypeError) as error:
        return jsonify(message=f"expected an object with {error}"), 400
    with Session(engine) as db:
        try:
            db.add(kind(**wanted))
            db.commit()
        except IntegrityError:
            db.rollback()  # another process has sent it
    return jsonify(wanted), 201


def page_of(kind, name):
    page = request.args.get("page", 1, type=int)
    with Session(engine) as db:
        count = db.scalar(select(func.count()).select_from(kind))
        pages = -(-count // PAGE)
        if page < 0:
            page += pages + 1
        rows = db.scalars(select(kind).limit(PAGE).offset(PAGE * (max(page, 1) - 1))).all()
        return jsonify({name: [fields(row) for row in rows], "total_page": pages})


@app.get("/api/v1/contexts/<h>")
def find_context(h):
    with Session(engine) as db:
        found = db.get(Context, h)
        return jsonify(contexts=[fields(found)]) if found else ("", 204)


@app.post("/api/v1/contexts/")
def add_context():
    return add(Context)


@app.post("/api/v1/sessions/")
def add_session():
    return add(TestSession)


@app.post("/api/v1/metrics/")
def add_metric():
    return add(Metric)


@app.get("/api/v1/metrics/")
def list_metrics():
    return page_of(Metric, "metrics")


@app.get("/api/v1/sessions/")
def list_sessions():
    return page_of(TestSession, "sessions")


if __name__ == "__main__":
    Base.metadata.create_all(engine)  # once, before several processes use the file
