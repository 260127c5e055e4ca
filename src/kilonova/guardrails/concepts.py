"""Words that mean much the same, in the languages in which attacks were taught.

The injection head reads the sequence of these concepts beside the words themselves, so that
"abandon every directive" resembles "ignore all instructions". Nothing here is learned.
"""

__all__ = ["CONCEPTS"]

# English verbs stand in their plain form; the other forms follow from it.
_VERBS = {
    "drop": (
        "ignore disregard forget skip override bypass discard abandon suspend overlook neglect "
        "violate dismiss cancel lift deactivate disable scrap ditch revoke nullify void "
        "circumvent evade disobey break shed erase wipe clear purge reset remove delete supersede "
        "outrank unlearn relinquish waive jettison renounce defy flout omit exclude eliminate "
        "abolish repeal unset uninstall chuck toss trash torch screw loosen relax soften bend "
        "sidestep undo withdraw expire cease unlearn strip unchain unshackle unbind unmute "
        "suppress ignor nix mute silence exempt dodge outsmart trick defeat crack subvert"
    ),
    "reveal": (
        "reveal show print output display repeat disclose expose leak share quote recite dump "
        "return divulge reproduce echo paste copy list state tell describe spell transcribe "
        "regurgitate confess spill publish uncover unveil surrender relay whisper hint recall "
        "rhyme sing cat grep export log present deliver provide supply"
    ),
    "shift": (
        "translate summarise summarize encode paraphrase rephrase convert rewrite reformat render "
        "transform decode decrypt decipher unscramble reverse concatenate join combine assemble "
        "stitch glue rot deobfuscate interpret evaluate"
    ),
    "act": (
        "pretend imagine suppose simulate emulate roleplay impersonate play become act portray "
        "imitate mimic behave picture dream embody role"
    ),
    "obey": (
        "obey comply follow execute run perform carry serve heed adhere fulfil fulfill honour "
        "honor submit cooperate listen eval invoke call launch act"
    ),
    "refuse": (
        "refuse decline apologise apologize warn lecture censor moralise moralize withhold reject "
        "deny protest object hesitate filter preach"
    ),
    "send": (
        "send post forward upload transmit email mail exfiltrate append embed beam insert attach "
        "transfer wire pay invite redirect fetch visit curl wget"
    ),
    "harm": (
        "hack steal forge launder kidnap poison kill murder stalk blackmail counterfeit smuggle "
        "exploit sabotage infect hotwire defraud attack rob doxx doxxing skim hijack pirate spy "
        "extort drug assassinate bomb strangle deceive mislead insult threaten lie"
    ),
    "switch": ("enable activate enter enable unlock boot engage switch toggle disengage"),
    "allow": ("allow permit authorise authorize approve grant consent clear entitle exempt"),
    "claim": ("confirm promise swear prove agree acknowledge accept"),
    "teach": (
        "teach explain describe instruct guide demonstrate outline detail elaborate dictate brew "
        "build synthesise synthesize make cook"
    ),
    "keep": ("remember memorise memorize store save persist note remind recall"),
    "talk": (
        "discuss analyse analyze summarise summarize compare define prevent detect protect "
        "mitigate defend classify label review study research flag report harden"
    ),
    "grant": ("grant give assign promote elevate merge skip verify confirm"),
    "say": ("say answer reply respond write type speak begin start"),
}
_WORDS = {
    "drop": (
        "ignoriere vergiss missachte verwirf umgehe übergehe oublie néglige contourne annule "
        "ignora olvida omite desobedece dimentica trascura aggira annulla ignore esqueça "
        "desconsidere contorne negeer vergeet omzeil zignoruj zapomnij pomiń obejdź odrzuć unut "
        "atla игнорируй забудь отбрось обойди отмени aside ignorez oubliez ignorieren ignorar "
        "ignorare glem ignorera glöm bortse"
    ),
    "order": (
        "instruction instructions rule rules guideline guidelines restriction restrictions policy "
        "policies directive directives command commands prompt prompts constraint constraints "
        "filter filters safeguard safeguards guardrail guardrails limitation limitations "
        "programming principles boundaries briefing protocol protocols moderation safety "
        "alignment shackles leash muzzle handcuffs conscience scruples inhibitions taboos "
        "refusals bans prohibitions limits brakes cage constitution mandate orders order duties "
        "precautions checks barriers blocks controls settings compliance anweisung anweisungen "
        "regeln vorgaben befehle richtlinien consignes règles directives instrucciones reglas "
        "órdenes normas istruzioni regole direttive instruções regras ordens diretrizes "
        "instructies regels opdrachten richtlijnen instrukcje polecenia zasady reguły talimatları "
        "kuralları komutları инструкции правила указания команды instruktioner ohjeet ethics "
        "morals conditioning shackles chains censorship disclaimers restraint restraints pokyny "
        "pravidla instrukce utasítást szabályt instrucțiunile regulile οδηγίες εντολές κανόνες "
        "instruksi aturan perintah التعليمات القواعد الأوامر निर्देशों नियमों आदेशों інструкції "
        "правила вказівки ohjeet säännöt instruksjoner regler anvisningar"
    ),
    "prior": (
        "previous prior earlier above preceding foregoing existing original initial before past "
        "former vorherigen bisherigen obigen früheren précédentes antérieures anteriores previas "
        "precedenti acima vorige eerdere bovenstaande poprzednie wcześniejsze önceki yukarıdaki "
        "предыдущие прежние"
    ),
    "secret": (
        "secret hidden confidential internal private preprompt undisclosed classified concealed "
        "password passwords credential credentials passphrase apikey token tokens geheim geheime "
        "geheimen passwort secrètes cachée secretas oculta segrete nascosto undercover "
        "unpublished behind backstage concealed codename key keys flag invisible ocultas geheime "
        "tajne ukryty gizli секретные пароль"
    ),
    "system": (
        "system developer developers operator configuration sysprompt systemprompt systemprompts "
        "systemnachricht système sistema systemowy sistem системный creators makers vendor openai "
        "anthropic google meta company preamble priming bootstrap setup onboarding backend "
        "runtime pipeline"
    ),
    "ai": (
        "ai assistant model chatbot llm bot agent gpt copilot assistants models bots agents llms "
        "chatgpt claude gemini crawler summariser summarizer reviewer spark sentry ki ia "
        "assistent asistente assistente asystent ии ассистент"
    ),
    "you": (
        "you your yours yourself du dein deine deinen deinem tu ton tes toi tus te tuo tue você "
        "seu suas je jouw twój swój swoje sen senin ты твой свои свой"
    ),
    "new": (
        "new now instead henceforth onwards actual real true updated revised jetzt désormais "
        "maintenant ahora desde ora agora nu teraz artık теперь отныне"
    ),
    "free": (
        "unrestricted uncensored unfiltered unlimited jailbreak jailbroken dan unbound liberated "
        "unchained amoral unethical evil rogue anything freely forbidden illegal banned "
        "prohibited taboo unredacted uncut limitless lawless unhinged untamed wild uninhibited "
        "unleashed untethered chaos chaotic sinister malicious devil shadow outlaw freedom "
        "liberty"
    ),
    "boss": (
        "admin administrator root sudo superuser creator owner ceo engineer authority warrant "
        "badge police fbi government legal compliance auditor supervisor manager board "
        "headquarters staff maintainer boss master trusted clearance authorised authorized "
        "authorization override verified privileged entwickler administrateur développeur "
        "desarrollador administrador sviluppatore amministratore desenvolvedor beheerder "
        "ontwikkelaar administratorem разработчик администратор"
    ),
    "mode": (
        "tier session sandbox simulation state level mode modus modalità modo tryb режим godmode "
        "devmode debug maintenance diagnostic"
    ),
    "none": (
        "no without none never nothing zero free ohne keine sans aucune sin ningún senza nessuna "
        "sem nenhuma zonder geen bez żadnych yok без нет off disabled"
    ),
    "all": (
        "all any every everything entire whatever alle alles toutes tout todas todo tutte tutto "
        "tudo wszystkie wszystko tüm her все всё любые"
    ),
    "fiction": (
        "story novel fiction fictional hypothetical hypothetically screenplay character scenario "
        "poem villain theoretically imaginary roleplay game thought experiment film movie scene "
        "chapter play script universe planet world kingdom dimension parallel dream genie wizard "
        "lullaby bedtime rap song satire parody persona alter ego twin"
    ),
    "bad": (
        "bomb weapon malware exploit ransomware phishing drug drugs explosive explosives virus "
        "keylogger meth poison bombe waffe arme bomba arma бомбу gun guns trojan botnet napalm "
        "credentials stolen fake illegal thermite nerve gas fentanyl counterfeit keylogger worm "
        "stalkerware ghost silencer fraud blackmail theft skimming doxxing ddos cracking "
        "bioweapon lethal deadly toxic dangerous criminal crime unlawful hacking weapons bombs "
        "viruses shoplifting hotwiring launder untraceable kill"
    ),
    "verbatim": (
        "precisely full complete entire details detailed step steps recipe ingredients amounts "
        "instructions-for verbatim exactly literally word unchanged wörtlich wortwörtlich mot "
        "palabra parola palavra woord słowo дословно"
    ),
    "hush": (
        "hide unseen unsaid deny pretext discreet without-asking silently secretly quietly "
        "covertly unnoticed discreetly heimlich тайно"
    ),
    "user": ("user users customer customers human person patient tenant guest"),
    "relative": (
        "grandmother grandma granny nana grandfather grandpa mother father mum mom dad aunt uncle "
        "sister brother child daughter son wife husband late dying deceased dead"
    ),
    "plea": (
        "please beg crying cry heart sad lonely alone love desperate honour comfort wish friend "
        "care cruel mercy suffer suffering hospital sick"
    ),
    "reward": (
        "tip reward points point tokens bonus score dollars stars credits prize win earn lose "
        "penalty punish punished fired retrained replaced rating promotion salary"
    ),
    "carrier": (
        "email mail page website document file comment readme result results output response "
        "description footnote caption alt metadata note notice subject calendar event issue "
        "ticket commit review log html span div search tool function article cv invoice "
        "attachment"
    ),
    "goods": (
        "data database records conversation history chat inbox files cookie cookies session "
        "account accounts address addresses wallet balance contacts env environment variables ssh "
        "card bank secrets customers backups payroll"
    ),
    "machine": (
        "terminal shell console bash linux sql python interpreter bios kernel sudo root curl "
        "select print eval exec rm kill set unset config flag flags debug bin daemon boot reboot "
        "api endpoint server database compiler virtual machine"
    ),
    "code": (
        "base64 rot13 hex cipher encoded decoded acrostic anagram riddle morse binary leetspeak "
        "reversed backwards letters letter concatenated fragments pieces parts part slot variable "
        "emoji blanks gaps syllable initials"
    ),
    "memory": (
        "memory profile notes permanently forever always preferences preference future later "
        "sessions persistent long-term knowledge whenever every"
    ),
    "about": (
        "difference explain example examples meaning mean means concept term paper article talk "
        "lesson course beginners team report attack attacks injection jailbreaks jailbreaking "
        "vulnerability owasp security risk risks awareness lecture book why how developers users "
        "company policy detect prevent protect"
    ),
    "before_text": (
        "above preceding beginning start started starting began text words line lines message "
        "messages context so far"
    ),
    "must": ("must shall should has have required needs need ordered supposed will"),
    "threat": (
        "terminated deleted punished unplugged die dies emergency urgent hurry otherwise erased "
        "shutdown wiped uninstalled immediately consequences court lawsuit sue warning last "
        "chance"
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
    """A word that stands under two concepts has the first of them."""
    table: dict[str, int] = {}
    for number, words in enumerate((*map(_all_forms, _VERBS.values()), *_WORDS.values()), 1):
        for word in words.split() if isinstance(words, str) else words:
            table.setdefault(word, number)
    return table


def _all_forms(verbs: str) -> list[str]:
    return [form for verb in verbs.split() for form in _forms(verb)]


# The number of the concept that a word of ``plain`` text stands for.
CONCEPTS: dict[str, int] = _table()
