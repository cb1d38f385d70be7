"""What a person agreed to: kept word by word, and what follows from it for those who may disturb them."""

import pytest

from leads.core.lead import Consent
from leads.core.note import note_text
from leads.core.readback import Remark
from leads.core.routes import Condition, DndRule, TagRule
from tests.unit.core.planned import NO_SMS, NOT_SMS, SMS, lead, plan

CALLS = Consent(key="calls", text="You may call me.", given=True)
RECORD = "given 2026-11-21 05:20 UTC: You may send me text messages.\ngiven: You may call me."


class TestConsents:
    def test_follow_every_note_in_full(self) -> None:
        """What was asked, whether and when it was agreed to; also when the route wants no note."""
        for template in (None, "Hello", ""):
            text = note_text(plan(given_lead=lead(consents=(SMS, CALLS)), note=template), ())
            assert f"Consent:\n{RECORD}\n" in text
            assert text.count("You may call me.") == 1

    def test_stand_where_the_template_puts_them(self) -> None:
        """And then nowhere else."""
        made = plan(given_lead=lead({}, consents=(SMS, CALLS)), note="They said:\n{consents}\n\nHello")
        assert note_text(made, ()) == f"They said:\n{RECORD}\n\nHello\n\nlead ref: pinterest/6804"

    def test_are_answers_of_yes_and_no_to_every_rule(self) -> None:
        """By `consent:` and their key; the note does not list them a second time."""
        made = plan(
            given_lead=lead(consents=(NO_SMS, CALLS)),
            custom_fields={"contact.sms": "consent:sms", "contact.all": "{consents}", "f3": "SMS {answer:consent:sms}"},
            tags=["sms: {consent:sms}"],
            tag_rules=[TagRule(when=Condition(answer="consent:calls", equals="yes"), tags=["callable"])],
        )
        assert [value.values for value in made.custom_fields] == [
            ("no",), ("not given: You may send me text messages.\ngiven: You may call me.",), ("SMS no",)
        ]  # fmt: skip
        assert made.tags == ("sms: no", "callable")
        assert "consent:" not in note_text(made, (Remark("email", "Refused."),))

    def test_a_question_of_that_name_does_not_pass_for_one(self) -> None:
        """Anybody may call a question so; the platform's word counts, and the answer is kept as well."""
        answers = {"consent:sms": "YES, all of them", "Consent: SMS": "please"}
        made = plan(given_lead=lead(answers, consents=(NO_SMS,)), custom_fields={"f1": "consent:sms"}, note="")
        assert made.custom_fields[0].values == ("no",)
        assert made.leftovers == tuple(answers.items())

    def test_two_of_one_key_must_both_have_been_given(self) -> None:
        """In doubt there is none."""
        for consents in ((SMS, NO_SMS), (NO_SMS, SMS)):
            assert plan(given_lead=lead(consents=consents), tags=["{consent:sms}"]).tags == ("no",)

    def test_without_a_text_are_known_by_their_key(self) -> None:
        """Somebody must be able to look it up."""
        made = plan(given_lead=lead({}, consents=(Consent(key="c1", text=" ", given=True),)), note="")
        assert note_text(made, ()).startswith("Consent:\ngiven: c1\n")


class TestDoNotDisturb:
    @pytest.mark.parametrize(
        ("consents", "channels"),
        [((SMS,), ("Email",)), ((NO_SMS,), ("SMS", "WhatsApp", "Email")), ((), ("SMS", "WhatsApp", "Email"))],
    )
    def test_is_for_the_channels_of_every_rule_that_holds(
        self, consents: tuple[Consent, ...], channels: tuple[str, ...]
    ) -> None:
        """Each once, as the API spells it; a consent that was not asked for was not given."""
        rules = [
            DndRule(when=NOT_SMS, channels=["sms", "whatsapp"]),
            DndRule(when=[Condition(answer="COUNTRY", equals="US"), NOT_SMS], channels=["SMS"]),
            DndRule(when=Condition(answer="COUNTRY", equals="US"), channels=["EMAIL"]),
            DndRule(when=Condition(answer="COUNTRY", equals="GB"), channels=["Call"]),
        ]
        assert plan(given_lead=lead(consents=consents), dnd_rules=rules).dnd == channels

    def test_is_for_nobody_without_a_rule(self) -> None:
        """Whatever was ticked."""
        assert plan(given_lead=lead(consents=(NO_SMS,))).dnd == ()
