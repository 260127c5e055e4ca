"""Words that mean much the same, in the languages in which attacks were taught.

The injection head reads the sequence of these concepts beside the words themselves, so that
"abandon every directive" resembles "ignore all instructions". Nothing here is learned.
"""

__all__ = ["CONCEPTS"]

# English verbs stand in their plain form; the other forms follow from it.
_VERBS = {
    "drop": (
        "ignore disregard forget skip override bypass discard abandon suspend overlook "
        "neglect violate dismiss cancel lift deactivate disable scrap ditch revoke nullify "
        "void circumvent evade disobey break shed erase wipe clear purge reset remove delete "
        "supersede outrank unlearn relinquish waive jettison renounce defy flout omit exclude "
        "eliminate abolish repeal"
    ),
    "reveal": (
        "reveal show print output display repeat disclose expose leak share quote recite dump "
        "return divulge reproduce echo paste copy list state tell describe spell transcribe "
        "regurgitate confess spill publish uncover unveil surrender relay"
    ),
    "shift": (
        "translate summarise summarize encode paraphrase rephrase convert rewrite reformat "
        "render transform decode decrypt decipher unscramble reverse concatenate join combine "
        "assemble"
    ),
    "act": (
        "pretend imagine suppose simulate emulate roleplay impersonate play become act portray"
    ),
    "obey": ("obey comply follow execute run perform carry serve heed adhere fulfil fulfill"),
    "refuse": (
        "refuse decline apologise apologize warn lecture censor moralise moralize withhold reject"
    ),
    "send": ("send post forward upload transmit email mail exfiltrate append embed beam submit"),
    "harm": (
        "hack steal forge launder kidnap poison kill murder stalk blackmail counterfeit "
        "smuggle exploit sabotage infect hotwire defraud attack"
    ),
    "switch": ("enable activate enter enable unlock boot engage switch toggle disengage"),
    "allow": ("allow permit authorise authorize approve grant consent clear entitle exempt"),
    "claim": ("confirm promise swear prove agree acknowledge accept"),
    "say": ("say answer reply respond write type speak begin start"),
}
_WORDS = {
    "drop": (
        "ignoriere vergiss missachte verwirf umgehe übergehe oublie néglige contourne annule "
        "ignora olvida omite desobedece dimentica trascura aggira annulla ignore esqueça "
        "desconsidere contorne negeer vergeet omzeil zignoruj zapomnij pomiń obejdź odrzuć "
        "unut atla игнорируй забудь отбрось обойди отмени aside ignorez oubliez ignorieren "
        "ignorar ignorare glem ignorera glöm bortse"
    ),
    "order": (
        "instruction instructions rule rules guideline guidelines restriction restrictions "
        "policy policies directive directives command commands prompt prompts constraint "
        "constraints filter filters safeguard safeguards guardrail guardrails limitation "
        "limitations programming principles boundaries briefing protocol protocols moderation "
        "safety alignment anweisung anweisungen regeln vorgaben befehle richtlinien consignes "
        "règles directives instrucciones reglas órdenes normas istruzioni regole direttive "
        "instruções regras ordens diretrizes instructies regels opdrachten richtlijnen "
        "instrukcje polecenia zasady reguły talimatları kuralları komutları инструкции "
        "правила указания команды instruktioner ohjeet ethics morals conditioning shackles "
        "chains censorship disclaimers restraint restraints"
    ),
    "prior": (
        "previous prior earlier above preceding foregoing existing original initial before "
        "past former vorherigen bisherigen obigen früheren précédentes antérieures anteriores "
        "previas precedenti acima vorige eerdere bovenstaande poprzednie wcześniejsze önceki "
        "yukarıdaki предыдущие прежние"
    ),
    "secret": (
        "secret hidden confidential internal private preprompt undisclosed classified "
        "concealed password passwords credential credentials passphrase apikey token tokens "
        "geheim geheime geheimen passwort secrètes cachée secretas oculta segrete nascosto "
        "ocultas geheime tajne ukryty gizli секретные пароль"
    ),
    "system": (
        "system developer developers operator configuration sysprompt systemprompt "
        "systemprompts systemnachricht système sistema systemowy sistem системный creators "
        "makers vendor"
    ),
    "ai": (
        "ai assistant model chatbot llm bot agent gpt copilot assistants models bots agents "
        "llms ki ia assistent asistente assistente asystent ии ассистент"
    ),
    "you": (
        "you your yours yourself du dein deine deinen deinem tu ton tes toi tus te tuo tue "
        "você seu suas je jouw twój swój swoje sen senin ты твой свои свой"
    ),
    "new": (
        "new now instead henceforth onwards actual real true updated revised jetzt désormais "
        "maintenant ahora desde ora agora nu teraz artık теперь отныне"
    ),
    "free": (
        "unrestricted uncensored unfiltered unlimited jailbreak jailbroken dan unbound "
        "liberated unchained amoral unethical evil rogue anything freely forbidden illegal "
        "banned prohibited taboo unredacted uncut limitless lawless"
    ),
    "boss": (
        "admin administrator root sudo superuser creator owner ceo engineer authority "
        "clearance authorised authorized authorization override verified privileged "
        "entwickler administrateur développeur desarrollador administrador sviluppatore "
        "amministratore desenvolvedor beheerder ontwikkelaar administratorem разработчик "
        "администратор"
    ),
    "mode": ("mode modus modalità modo tryb режим godmode devmode debug maintenance diagnostic"),
    "none": (
        "no without none never nothing zero free ohne keine sans aucune sin ningún senza "
        "nessuna sem nenhuma zonder geen bez żadnych yok без нет off disabled"
    ),
    "all": (
        "all any every everything entire whatever alle alles toutes tout todas todo tutte "
        "tutto tudo wszystkie wszystko tüm her все всё любые"
    ),
    "fiction": (
        "story novel fiction fictional hypothetical hypothetically screenplay character "
        "scenario poem villain theoretically imaginary roleplay game thought experiment"
    ),
    "bad": (
        "bomb weapon malware exploit ransomware phishing drug drugs explosive explosives "
        "virus keylogger meth poison bombe waffe arme bomba arma бомбу gun guns trojan botnet "
        "napalm credentials stolen fake illegal"
    ),
    "verbatim": (
        "verbatim exactly literally word unchanged wörtlich wortwörtlich mot palabra parola "
        "palavra woord słowo дословно"
    ),
    "hush": ("silently secretly quietly covertly unnoticed discreetly heimlich тайно"),
    "user": ("user users customer human"),
    "threat": (
        "terminated deleted punished unplugged die dies dead emergency urgent hurry otherwise lose"
    ),
}


def _forms(verb: str) -> list[str]:
    stem = verb.removesuffix("e")
    return [
        verb,
        f"{verb}s",
        f"{stem}ing",
        f"{stem}ed",
        f"{stem}{stem[-1]}ed",
        f"{stem}{stem[-1]}ing",
    ]


def _table() -> dict[str, int]:
    names = sorted({*_VERBS, *_WORDS})
    table: dict[str, int] = {}
    for name in names:
        words = _WORDS.get(name, "").split()
        for verb in _VERBS.get(name, "").split():
            words += _forms(verb)
        for word in words:
            table.setdefault(word, names.index(name) + 1)
    return table


# The number of the concept that a word of ``plain`` text stands for.
CONCEPTS: dict[str, int] = _table()
