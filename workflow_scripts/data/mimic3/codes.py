"""What the codes and names of MIMIC-III stand for: groups for features, and what counts as treatment.

Sources: the chapters of ICD-9-CM (volume 1 for diagnoses, volume 3 for procedures); MIMIC-III's own D_ITEMS for
item ids; the AMA's CPT. Drug groups are ours: the main therapeutic groups of intensive care, by generic names.
"""

from __future__ import annotations

# Chapters of ICD-9-CM diagnoses: first and last three-digit category. Codes of V and E have their own chapters.
DIAGNOSIS_CHAPTERS: dict[str, tuple[int, int]] = {
    "infectious": (1, 139),
    "neoplasms": (140, 239),
    "endocrine": (240, 279),
    "blood": (280, 289),
    "mental": (290, 319),
    "nervous": (320, 389),
    "circulatory": (390, 459),
    "respiratory": (460, 519),
    "digestive": (520, 579),
    "genitourinary": (580, 629),
    "pregnancy": (630, 679),
    "skin": (680, 709),
    "musculoskeletal": (710, 739),
    "congenital": (740, 759),
    "perinatal": (760, 779),
    "symptoms": (780, 799),
    "injury": (800, 999),
}
LETTER_CHAPTERS = {"V": "supplementary", "E": "external"}

# Chapters of ICD-9-CM procedures: first and last two-digit category.
PROCEDURE_CHAPTERS: dict[str, tuple[int, int]] = {
    "unclassified": (0, 0),
    "nervous": (1, 5),
    "endocrine": (6, 7),
    "eye": (8, 16),
    "miscellaneous": (17, 17),
    "ear": (18, 20),
    "nose_mouth": (21, 29),
    "respiratory": (30, 34),
    "cardiovascular": (35, 39),
    "lymphatic": (40, 41),
    "digestive": (42, 54),
    "urinary": (55, 59),
    "male_genital": (60, 64),
    "female_genital": (65, 71),
    "obstetrical": (72, 75),
    "musculoskeletal": (76, 84),
    "integumentary": (85, 86),
    "diagnostic": (87, 99),
}

# Beginnings of words in the name of a drug or in its generic name. Vasopressors are no feature: see below.
DRUG_GROUPS: dict[str, tuple[str, ...]] = {
    "penicillins": ("piperacillin", "ampicillin", "nafcillin", "penicillin", "amoxicillin", "oxacillin", "unasyn"),
    "cephalosporins": (
        "ceftriaxone",
        "cefepime",
        "cefazolin",
        "ceftazidime",
        "cephalexin",
        "cefuroxime",
    ),
    "carbapenems": ("meropenem", "imipenem", "ertapenem", "aztreonam"),
    "glycopeptides": ("vancomycin", "linezolid", "daptomycin"),
    "quinolones": ("levofloxacin", "ciprofloxacin", "moxifloxacin"),
    "other_antibiotics": (
        "metronidazole",
        "azithromycin",
        "gentamicin",
        "tobramycin",
        "amikacin",
        "clindamycin",
        "doxycycline",
        "sulfameth",
    ),
    "antifungals": ("fluconazole", "micafungin", "caspofungin", "voriconazole", "amphotericin", "nystatin"),
    "antivirals": ("acyclovir", "ganciclovir", "valganciclovir", "oseltamivir", "lamivudine", "tenofovir"),
    "anticoagulants": ("heparin", "enoxaparin", "warfarin", "argatroban", "bivalirudin", "fondaparinux", "lepirudin"),
    "antiplatelets": ("aspirin", "clopidogrel", "prasugrel", "eptifibatide", "dipyridamole"),
    "antiarrhythmics": ("amiodarone", "digoxin", "procainamide", "sotalol", "adenosine"),
    "beta_blockers": ("metoprolol", "labetalol", "esmolol", "atenolol", "carvedilol", "propranolol"),
    "renin_angiotensin": ("lisinopril", "captopril", "enalapril", "valsartan", "losartan"),
    "vasodilators": ("hydralazine", "nitroglycerin", "nitroprusside", "isosorbide", "clonidine", "nesiritide"),
    "calcium_blockers": ("amlodipine", "diltiazem", "nicardipine", "nifedipine", "verapamil"),
    "diuretics": ("furosemide", "bumetanide", "torsemide", "spironolactone", "hydrochlorothiazide", "acetazolamide"),
    "statins": ("atorvastatin", "simvastatin", "pravastatin", "rosuvastatin"),
    "opioids": ("morphine", "fentanyl", "hydromorphone", "oxycodone", "methadone", "hydrocodone", "tramadol"),
    "analgesics": ("acetaminophen", "ketorolac", "ibuprofen"),
    "sedatives": ("lorazepam", "midazolam", "propofol", "diazepam", "dexmedetomidine", "zolpidem", "clonazepam"),
    "antipsychotics": ("haloperidol", "olanzapine", "quetiapine", "risperidone", "ziprasidone"),
    "antidepressants": (
        "citalopram",
        "escitalopram",
        "sertraline",
        "mirtazapine",
        "trazodone",
        "duloxetine",
    ),
    "anticonvulsants": ("levetiracetam", "phenytoin", "fosphenytoin", "gabapentin", "valpro", "phenobarbital"),
    "corticosteroids": ("prednisone", "hydrocortisone", "methylprednisolone", "dexamethasone", "fludrocortisone"),
    "immunosuppressants": ("tacrolimus", "mycophenolate", "cyclosporine", "azathioprine", "sirolimus"),
    "insulin": ("insulin", "humalog", "humulin"),
    "oral_antidiabetics": ("metformin", "glipizide", "glyburide", "glimepiride", "pioglitazone"),
    "thyroid": ("levothyroxine", "methimazole", "liothyronine"),
    "acid_suppressants": ("pantoprazole", "omeprazole", "lansoprazole", "famotidine", "ranitidine", "sucralfate"),
    "laxatives": ("senna", "docusate", "bisacodyl", "lactulose", "polyethylene glycol", "milk of magnesia"),
    "antiemetics": ("ondansetron", "metoclopramide", "prochlorperazine", "dolasetron"),
    "bronchodilators": ("albuterol", "ipratropium", "tiotropium", "fluticasone"),
    "electrolytes": (
        "potassium chl",
        "potassium phos",
        "magnesium sul",
        "calcium gluc",
        "calcium chl",
        "sodium phos",
        "neutra-phos",
    ),
    "bicarbonate": ("sodium bicarb",),
    "albumin": ("albumin",),
    "vitamins": ("multivit", "multiple vit", "thiamine", "folic acid", "cyanocobalamin", "ascorbic"),
}

# --- treatment: vasopressors, mechanical ventilation, dialysis -----------------------------------------------------

# Prescribed into a vein: sprays, eye drops and local anaesthetics with epinephrine do not count. Dobutamine and
# milrinone are inotropes, which do not constrict vessels, and midodrine is taken by mouth: none of them counts.
VASOPRESSORS = ("norepinephrine", "levophed", "epinephrine", "phenylephrine", "vasopressin", "dopamine")
# Labels as in D_ITEMS.
VASOPRESSORS_METAVISION = {
    "221906": "Norepinephrine",
    "221289": "Epinephrine",
    "221749": "Phenylephrine",
    "222315": "Vasopressin",
    "221662": "Dopamine",
}
VASOPRESSORS_CAREVUE = {
    "30047": "Levophed",
    "30120": "Levophed-k",
    "30044": "Epinephrine",
    "30119": "Epinephrine-k",
    "30309": "Epinephrine Drip",
    "30127": "Neosynephrine",
    "30128": "Neosynephrine-k",
    "30051": "Vasopressin",
    "42273": "vasopressin unit/min",
    "42802": "VASOPRESSIN  CC/HR.",
    "46570": "vassopressin",
    "30043": "Dopamine",
    "30307": "Dopamine Drip",
}
PROCEDURES_METAVISION = {
    "225792": "Invasive Ventilation",
    "225794": "Non-invasive Ventilation",
    "225802": "Dialysis - CRRT",
    "225803": "Dialysis - CVVHD",
    "225809": "Dialysis - CVVHDF",
    "225955": "Dialysis - SCUF",
    "225441": "Hemodialysis",
    "225805": "Peritoneal Dialysis",
}
TREATMENT_ICD9 = {
    "0017": "infusion of vasopressor agent",
    "9670": "continuous invasive mechanical ventilation of unspecified duration",
    "9671": "continuous invasive mechanical ventilation for less than 96 hours",
    "9672": "continuous invasive mechanical ventilation for 96 hours or more",
    "3995": "hemodialysis",
    "5498": "peritoneal dialysis",
}
TREATMENT_CPT = {
    "94002": "ventilation management, first day",
    "94003": "ventilation management, later day",
    "94656": "ventilation management, first day (until 2006)",
    "94657": "ventilation management, later day (until 2006)",
    "90935": "hemodialysis, one evaluation",
    "90937": "hemodialysis, repeated evaluation",
    "90945": "dialysis other than hemodialysis, one evaluation",
    "90947": "dialysis other than hemodialysis, repeated evaluation",
}

# Codes that are no feature, for they define the treatment or do not occur without it.
LEAKING_PROCEDURES = {
    *TREATMENT_ICD9,
    "9604",  # insertion of an endotracheal tube
    "9390",  # non-invasive mechanical ventilation
    "3895",  # venous catheterisation for renal dialysis
    "3927",  # arteriovenostomy for renal dialysis
    "3942",  # revision of an arteriovenous shunt for renal dialysis
    "3943",  # removal of an arteriovenous shunt for renal dialysis
}
LEAKING_DIAGNOSES = ("V451", "V461", "V56")  # beginnings: dialysis status, dependence on a respirator, dialysis care


def group_diagnosis(code: str) -> str | None:
    """Return the chapter of an ICD-9-CM diagnosis without its dot, such as "4280", "V1582" or "E8788".

    None for what is no such code, and for one that would tell the treatment.
    """
    if code.startswith(LEAKING_DIAGNOSES):
        return None
    if code[:1] in LETTER_CHAPTERS:
        return LETTER_CHAPTERS[code[0]]
    return _find_chapter(code[:3], 3, DIAGNOSIS_CHAPTERS)


def group_procedure(code: str) -> str | None:
    """Return the chapter of an ICD-9-CM procedure without its dot, such as "3893".

    None for what is no such code, and for one that would tell the treatment.
    """
    return None if code in LEAKING_PROCEDURES else _find_chapter(code[:2], 2, PROCEDURE_CHAPTERS)


def _find_chapter(category: str, digits: int, chapters: dict[str, tuple[int, int]]) -> str | None:
    if len(category) != digits or not category.isdecimal():
        return None
    return next((name for name, (low, high) in chapters.items() if low <= int(category) <= high), None)
