from __future__ import annotations

from drf_spectacular.generators import SchemaGenerator


def test_the_document_knows_both_ways_to_prove_who_calls() -> None:
    document = SchemaGenerator().get_schema(request=None, public=True)
    schemes = document["components"]["securitySchemes"]
    assert schemes["bearer"]["scheme"] == "bearer"
    assert schemes["session"]["name"] == "sessionid"
    assert set(schemes) == {"bearer", "session"}
    assert document["paths"]["/api/v1/me"]["get"]["security"] == [{"bearer": []}, {"session": []}]
