"""Voices made of recordings of people: who they are, what they need installed, and what their phones mean in IPA.

Knows names and tables; refuses to know how engines are run. `docs/voices.md` lists speakers, licences and how far the
phone times lie from the audio.
"""

from __future__ import annotations

from dataclasses import dataclass

from viseme.core.errors import DataError, VisemeError

__all__ = ["KOKORO_VOICES", "PHONE_SETS", "VOICES", "Voice", "VoiceMissing", "find_voice", "licence_of"]


class VoiceMissing(VisemeError):
    """The engine or the data of a voice is not installed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Voice:
    """One recorded speaker in one engine."""

    name: str
    """Engine and the engine's own name: "flite:slt", "festival:kal_diphone"."""
    language: str
    """For `viseme.synthetic.text.sentence`."""
    sex: str
    """f or m."""
    speaker: str
    """Voices of the same speaker share it."""
    method: str
    """How recordings become speech: diphone, a statistical model of them (cg, hts), or a network (kokoro)."""
    phones: str
    """Key of `PHONE_SETS`; "ipa" = IPA already."""
    packages: tuple[str, ...]
    """Debian packages, all of them in Debian main; none for Kokoro, see `viseme.synthetic.kokoro`."""
    licence: str
    """Of the voice data, as the package's copyright file says."""
    encoding: str = "ascii"
    """Of text that the engine reads."""
    lag: float = 0.0
    """Seconds at the voice's own rate by which its audio changes after its phones: measured, then taken out."""

    @property
    def engine(self) -> str:
        """flite, festival or kokoro."""
        return self.name.partition(":")[0]


_CMU = "CMU (BSD-like)"
_CZECH = ("festival", "festival-czech")
VOICES: dict[str, Voice] = {
    v.name: v
    for v in (
        Voice(name="flite:awb", language="en-us", sex="m", speaker="awb (Scottish)", method="cg", phones="radio",
              packages=("flite",), licence=_CMU),
        Voice(name="flite:rms", language="en-us", sex="m", speaker="rms (US)", method="cg", phones="radio",
              packages=("flite",), licence=_CMU, lag=-0.0035),
        Voice(name="flite:slt", language="en-us", sex="f", speaker="slt (US)", method="cg", phones="radio",
              packages=("flite",), licence=_CMU),
        Voice(name="flite:kal16", language="en-us", sex="m", speaker="kal (US)", method="diphone", phones="radio",
              packages=("flite",), licence=_CMU),
        Voice(name="festival:kal_diphone", language="en-us", sex="m", speaker="kal (US)", method="diphone",
              phones="radio", packages=("festival", "festvox-kallpc16k"), licence=_CMU, lag=0.007),
        Voice(name="festival:ked_diphone", language="en-us", sex="m", speaker="ked (US)", method="diphone",
              phones="radio", packages=("festival", "festvox-kdlpc16k"), licence="CSTR (BSD-like)", lag=0.003),
        Voice(name="festival:cmu_us_slt_arctic_hts", language="en-us", sex="f", speaker="slt (US)", method="hts",
              phones="radio", packages=("festival", "festvox-us-slt-hts"), licence=_CMU),
        Voice(name="festival:lp_diphone", language="it", sex="f", speaker="lp (Italian)", method="diphone",
              phones="italian", packages=("festival", "festvox-italp16k"), licence="GPL-2+", encoding="latin-1"),
        Voice(name="festival:pc_diphone", language="it", sex="m", speaker="pc (Italian)", method="diphone",
              phones="italian", packages=("festival", "festvox-itapc16k"), licence="GPL-2+", encoding="latin-1"),
        Voice(name="festival:czech_dita", language="cs", sex="f", speaker="dita (Czech)", method="diphone",
              phones="czech", packages=(*_CZECH, "festvox-czech-dita"), licence="GPL-3+", encoding="iso-8859-2"),
        Voice(name="festival:czech_krb", language="cs", sex="m", speaker="krb (Czech, a boy)", method="diphone",
              phones="czech", packages=(*_CZECH, "festvox-czech-krb"), licence="GPL-3+", encoding="iso-8859-2"),
        Voice(name="festival:czech_machac", language="cs", sex="m", speaker="machac (Czech)", method="diphone",
              phones="czech", packages=(*_CZECH, "festvox-czech-machac"), licence="GPL-3+", encoding="iso-8859-2"),
        Voice(name="festival:czech_ph", language="cs", sex="m", speaker="ph (Czech)", method="diphone",
              phones="czech", packages=(*_CZECH, "festvox-czech-ph"), licence="GPL-2+", encoding="iso-8859-2"),
        Voice(name="festival:suo_fi_lj_diphone", language="fi", sex="f", speaker="lj (Finnish)", method="diphone",
              phones="finnish", packages=("festival", "festvox-suopuhe-lj"), licence="LGPL-2+", encoding="latin-1",
              lag=0.0065),
        Voice(name="festival:hy_fi_mv_diphone", language="fi", sex="m", speaker="mv (Finnish)", method="diphone",
              phones="finnish", packages=("festival", "festvox-suopuhe-mv"), licence="LGPL-2+", encoding="latin-1"),
        Voice(name="festival:upc_ca_ona_hts", language="ca", sex="f", speaker="ona (Catalan)", method="hts",
              phones="catalan", packages=("festival", "festival-ca", "festvox-ca-ona-hts"), licence="LGPL-2.1+",
              encoding="latin-1", lag=0.0035),
        Voice(name="festival:hindi_NSK_diphone", language="hi", sex="m", speaker="nsk (Indian)", method="diphone",
              phones="indic", packages=("festival", "festival-hi", "festvox-hi-nsk"), licence="GPL-2+",
              encoding="utf-8"),
    )
}  # fmt: skip
"""Name -> voice."""

_KOKORO_NAMES = """
af_alloy af_aoede af_bella af_heart af_jessica af_kore af_nicole af_nova af_river af_sarah af_sky am_adam am_echo
am_eric am_fenrir am_liam am_michael am_onyx am_puck am_santa bf_alice bf_emma bf_isabella bf_lily bm_daniel bm_fable
bm_george bm_lewis ef_dora em_alex em_santa ff_siwis hf_alpha hf_beta hm_omega hm_psi if_sara im_nicola jf_alpha
jf_gongitsune jf_nezumi jf_tebukuro jm_kumo pf_dora pm_alex pm_santa zf_xiaobei zf_xiaoni zf_xiaoxiao zf_xiaoyi
zm_yunjian zm_yunxi zm_yunxia zm_yunyang
"""
_KOKORO_LANGUAGES = {"a": "en-us", "b": "en-gb", "e": "es", "f": "fr", "h": "hi", "i": "it", "j": "ja", "p": "pt",
                     "z": "cmn-latn-pinyin"}  # fmt: skip
_KOKORO_LICENCE = "Apache-2.0 (Kokoro-82M; learnt from permissive and CC BY audio, synthetic audio not excluded)"
KOKORO_VOICES: dict[str, Voice] = {
    f"kokoro:{name}": Voice(
        name=f"kokoro:{name}",
        language=_KOKORO_LANGUAGES[name[0]],
        sex=name[1],
        speaker=f"kokoro {name}",
        method="kokoro",
        phones="ipa",
        packages=(),
        licence=_KOKORO_LICENCE,
    )
    for name in _KOKORO_NAMES.split()
}
"""Name -> voice of Kokoro-82M. Apart from `VOICES`, so that a seed's drawn voice stays what it was. The first letter is
the language, the second the sex."""


def find_voice(name: str) -> Voice:
    """A voice of `VOICES` or `KOKORO_VOICES`.

    Raises:
        DataError: there is none of that name.
    """
    voices = KOKORO_VOICES if name.startswith("kokoro:") else VOICES
    if name not in voices:
        raise DataError(f"no recorded voice {name!r}; known: {', '.join(voices)}")
    return voices[name]


def licence_of(name: str) -> str:
    """What the data of a voice are under, by the name that `speak` takes.

    Raises:
        DataError: there is no such recorded voice.
    """
    return find_voice(name).licence if ":" in name else "espeak-ng (no recordings; the program is GPL-3+)"


# --- phone sets


def _table(text: str) -> dict[str, str]:
    """ "a=b" pairs; "pause" stands for no audio."""
    pairs = (pair.rsplit("=", 1) for pair in text.split())
    return {name: "" if ipa == "pause" else ipa for name, ipa in pairs}


def _long(table: dict[str, str]) -> dict[str, str]:
    return table | {name + ":": ipa + "ː" for name, ipa in table.items() if ipa}


PHONE_SETS: dict[str, dict[str, str]] = {
    "radio": _table("""
        aa=ɑ ae=æ ah=ʌ ao=ɔ aw=aʊ ax=ə axr=ɚ ay=aɪ b=b ch=tʃ d=d dh=ð dx=ɾ eh=ɛ el=l em=m en=n er=ɝ ey=eɪ f=f g=ɡ hh=h
        hv=ɦ ih=ɪ iy=i jh=dʒ k=k l=l m=m n=n nx=ɾ ng=ŋ ow=oʊ oy=ɔɪ p=p r=ɹ s=s sh=ʃ t=t th=θ uh=ʊ uw=u v=v w=w y=j z=z
        zh=ʒ pau=pause h#=pause brth=pause"""),
    "italian": _table("""
        i=i e=e E=ɛ a=a o=o O=ɔ u=u i1=i e1=e E1=ɛ a1=a o1=o O1=ɔ u1=u j=j w=w p=p t=t k=k b=b d=d g=ɡ f=f s=s S=ʃ v=v
        z=z Z=ʒ ts=ts tS=tʃ dz=dz dZ=dʒ m=m n=n J=ɲ ng=ŋ nf=ɱ l=l L=ʎ r=r #=pause"""),
    "czech": _table("""
        a=a a:=aː b=b c=ts c~=tʃ ch=x d=d d~=ɟ dz=dz dz~=dʒ e=ɛ e:=ɛː f=f g=ɡ h=ɦ i=ɪ i:=iː j=j k=k l=l m=m n=n n*=ŋ
        n~=ɲ o=o o:=oː p=p r=r r~=r̝ r~*=r̝̊ s=s s~=ʃ t=t t~=c u=u u:=uː v=v z=z z~=ʒ _=pause #=pause"""),
    "finnish": _long(
        _table("""
        a=ɑ e=e i=i o=o u=u y=y @=æ 7=ø &=æ p=p t=t k=k b=b d=d g=ɡ f=f T=θ D=ð s=s S=ʃ z=z Z=ʒ h=h v=ʋ m=m n=n N=ŋ l=l
        L=ʎ r=r j=j w=w #=pause ##=pause""")
    ),
    "catalan": _table("""
        ax=ə a=a a1=a b=b d=d e=e e1=e E=ɛ E1=ɛ f=f g=ɡ i=i i1=i j=j J=ɲ k=k l=l L=ʎ m=m n=n o=o o1=o O=ɔ O1=ɔ p=p r=ɾ
        rr=r s=s S=ʃ t=t u=u u1=u w=w z=z Z=ʒ pau=pause _=pause #=pause"""),
    "indic": _table("""
        a=ə aa=aː ih=ɪ iy=iː uh=ʊ uw=uː eh=e ee=eː ay=ɛː oh=o oo=oː aw=ɔː k=k kh=kʰ g=ɡ gh=ɡʱ ch=tʃ j=dʒ T=ʈ D=ɖ N=ɳ
        th=t̪ dh=d̪ n=n p=p b=b bh=bʱ m=m y=j r=r l=l v=ʋ w=ʋ L=ɭ s=s sh=ʃ h=ɦ f=f pau=pause"""),
}
"""Phone set -> the engine's phone -> IPA; empty = pause. Phones of doubtful meaning are left out: meeting one is an
error, not a guess."""
